"""Lists as files that a browser saves: row by row in constant memory, in the reader's language and time zone."""

from collections.abc import Iterable, Iterator, Sequence

from django.http import StreamingHttpResponse
from django.utils import timezone, translation

from crm.lib.csv_writing import lines
from crm.lib.formats import formats_now, written_as
from crm.lib.xlsx_writing import XLSX, workbook

FORMS = {"csv": "text/csv; charset=utf-8", "xlsx": XLSX}


def download(
    title: str, head: Sequence[str], rows: Iterable[Sequence[object]], *, form: str, name: str
) -> StreamingHttpResponse:
    """The rows as a file called `name` with its ending; `form` is one of FORMS, and CSV where it is not."""
    form = form if form in FORMS else "csv"
    body = workbook(title, head, rows) if form == "xlsx" else lines(head, rows)
    response = StreamingHttpResponse(_as_asked(body), content_type=FORMS[form])
    response["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return response


def _as_asked(body: Iterator[bytes]) -> Iterator[bytes]:
    """What the request's middleware set is gone by the time that the rows are written; this sets it again."""
    language, zone, formats = translation.get_language() or "en", timezone.get_current_timezone(), formats_now()

    def writing() -> Iterator[bytes]:
        with translation.override(language), timezone.override(zone), written_as(formats):
            yield from body

    return writing()

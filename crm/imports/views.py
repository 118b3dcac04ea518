"""The pages of imports: every run, and what one of them refused."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from crm.imports import queries
from crm.imports.models import ImportRun
from crm.staff.views import Request, needs


@require_safe
@needs("import")
def index(request: Request) -> HttpResponse:
    page = queries.runs(after=_cursor(request, "after"), before=_cursor(request, "before"))
    columns = [
        {"label": _("File"), "key": "", "align": ""},
        {"label": _("Kind"), "key": "", "align": ""},
        {"label": _("Started"), "key": "", "align": ""},
        *({"label": label, "key": "", "align": "end"} for label in (_("Read"), _("New"), _("Updated"))),
        *({"label": label, "key": "", "align": "end"} for label in (_("Unchanged"), _("Refused"))),
    ]
    context = {"runs": page.rows, "previous": page.previous, "next": page.next, "columns": columns}
    return render(request, "crm/imports.html", context)


@require_safe
@needs("import")
def detail(request: Request, pk: int) -> HttpResponse:
    run = get_object_or_404(ImportRun, pk=pk)
    page = queries.refusals(run, after=_cursor(request, "after"), before=_cursor(request, "before"))
    columns = [
        {"label": _("Line"), "key": "", "align": "end"},
        {"label": _("Reason"), "key": "", "align": ""},
        {"label": _("Row"), "key": "", "align": ""},
    ]
    context = {
        "run": run,
        "refusals": page.rows,
        "previous": page.previous,
        "next": page.next,
        "columns": columns,
        "kept": min(run.refused, queries.KEPT_REFUSALS),
    }
    return render(request, "crm/imports_run.html", context)


def _cursor(request: Request, name: str) -> int | None:
    """The id in a query parameter; what is none is as if it were not there."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

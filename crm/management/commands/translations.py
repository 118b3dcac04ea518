"""Collect what must be translated, compile what is, or check that nothing lacks; without GNU gettext on the machine.

Babel reads Python and writes catalogues; Django turns templates into text that Babel's reader understands.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_javascript, extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation.template import templatize

KEYWORDS: dict[str, Any] = dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop", "ugettext")) | {
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
FOLDERS = ("crm", "feedback", "retention", "templates")


class Command(BaseCommand):
    help = "Update the translation catalogues under locale/, or check them."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--check", action="store_true", help="fail when a catalogue is behind or has gaps")
        parser.add_argument("--missing", action="store_true", help="print what has no translation yet")

    def handle(self, *args: Any, **options: Any) -> None:
        found = collect()
        for language, _ in settings.LANGUAGES:
            if language == "en":  # the texts in the code are the English ones
                continue
            if options["check"]:
                check(language, found)
            elif options["missing"]:
                self.stdout.write("\n".join(str(name) for name in missing(updated(language, found))))
            else:
                write(language, updated(language, found))


def collect() -> Catalog:
    """Every translatable text of code and templates, with the file it stands in."""
    catalog = Catalog(project="Holdfast", charset="utf-8")
    for path in texts():
        reader = extract_template if path.suffix in (".html", ".txt") else extract_code
        for message, context in reader(path):
            catalog.add(message, locations=[(str(path.relative_to(settings.BASE_DIR)), 0)], context=context)
    return catalog


def texts() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((settings.BASE_DIR / folder).rglob("*")):
            if path.suffix in (".py", ".html", ".txt") and "migrations" not in path.parts:
                yield path


Found = tuple[Any, str | None]


def extract_code(path: Path) -> Iterator[Found]:
    yield from named(extract_python(BytesIO(path.read_bytes()), KEYWORDS, [], {"encoding": "utf-8"}))


def extract_template(path: Path) -> Iterator[Found]:
    source = templatize(path.read_text(encoding="utf-8"))
    yield from named(extract_javascript(BytesIO(source.encode()), KEYWORDS, [], {"encoding": "utf-8"}))


def named(found: Any) -> Iterator[Found]:
    """Sort the arguments of each call into message and context; calls with computed texts are not for us."""
    for _line, keyword, messages, _comments in found:
        parts = list(messages) if isinstance(messages, (list, tuple)) else [messages]
        context = parts.pop(0) if keyword.startswith(("pgettext", "npgettext")) else None
        if keyword.startswith(("ngettext", "npgettext")):
            parts = parts[:2]
            if all(parts) and len(parts) == 2:
                yield tuple(parts), context
        elif parts and parts[0]:
            yield parts[0], context


def folder(language: str) -> Path:
    return Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES"


def existing(language: str) -> Catalog:
    path = folder(language) / "django.po"
    if not path.exists():
        return Catalog(locale=language, project="Holdfast", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str, found: Catalog) -> Catalog:
    """The language's catalogue brought to what was found; texts that went are dropped, new ones are empty."""
    catalog = existing(language)
    # Babel would guess translations of similar texts and mark them fuzzy; an honest gap is better.
    catalog.update(found, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return catalog


def write(language: str, catalog: Catalog) -> None:
    folder(language).mkdir(parents=True, exist_ok=True)
    (folder(language) / "django.po").write_bytes(po_bytes(catalog))
    (folder(language) / "django.mo").write_bytes(mo_bytes(catalog))


def po_bytes(catalog: Catalog) -> bytes:
    out = BytesIO()
    write_po(out, catalog, width=110, omit_header=True, no_location=True, sort_output=True)
    # Only what Django needs to count plurals; a date in the file would change with every run.
    plural = f'"Plural-Forms: {catalog.plural_forms}\\n"\n'.encode()
    return b'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n' + plural + b"\n" + out.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    stable = read_po(BytesIO(po_bytes(catalog)), locale=catalog.locale)
    # Babel writes the present minute where no date is given, and the file would change with every run.
    stable.revision_date = stable.creation_date = datetime(2000, 1, 1, tzinfo=UTC)
    out = BytesIO()
    write_mo(out, stable)
    return out.getvalue()


def missing(catalog: Catalog) -> list[Any]:
    return [message.id for message in catalog if message.id and (not _full(message.string) or message.fuzzy)]


def _full(string: Any) -> bool:
    return all(string) if isinstance(string, (list, tuple)) else bool(string)


def check(language: str, found: Catalog) -> None:
    catalog = updated(language, found)
    if gaps := missing(catalog):
        shown = "\n".join(f"  {name}" for name in gaps[:20])
        raise CommandError(f"{len(gaps)} texts have no {language} translation, such as\n{shown}\nRun: make messages")
    if wrong := [m.id for m in catalog if m.id and any(True for _ in m.check(catalog))]:
        raise CommandError(f"Placeholders differ between text and {language} translation: {wrong[:5]}")
    for name, content in (("django.po", po_bytes(catalog)), ("django.mo", mo_bytes(catalog))):
        path = folder(language) / name
        if not path.exists() or path.read_bytes() != content:
            raise CommandError(f"locale/{language}/LC_MESSAGES/{name} is behind the code. Run: make messages")

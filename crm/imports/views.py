"""The page of one run: its counts, and what it refused."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from crm.imports import queries, rules
from crm.imports.models import ImportRun
from crm.staff.views import Request, needs

SHOWN_LEFT = 50


@require_safe
@needs("import")
def detail(request: Request, pk: int) -> HttpResponse:
    run = get_object_or_404(ImportRun, pk=pk)
    kinds = queries.findings_by_code(run)
    code = request.GET.get("finding", "")
    at = {"after": cursor(request, "after"), "before": cursor(request, "before")}
    page = queries.refusals(run) if code else queries.refusals(run, **at)
    found = queries.findings(run, code, **at) if code else None
    columns = [
        {"label": _("Line"), "key": "", "align": "end"},
        {"label": _("Reason"), "key": "", "align": ""},
        {"label": _("Row"), "key": "", "align": ""},
    ]
    context = {
        "kinds": [(each, _(rules.FINDINGS.get(each, each)), n) for each, n in kinds],
        "code": code,
        "found": found,
        "run": run,
        "refusals": page.rows,
        "previous": page.previous,
        "next": page.next,
        "columns": columns,
        "kept": min(run.refused, queries.KEPT_REFUSALS),
        "folder": [each for each in queries.folder_of(run) if each.pk != run.pk],
        "to_undo": queries.to_undo(run) if run.undo_asked_at and not run.undone_at else 0,
        "left": list(queries.left_by_undo(run)[:SHOWN_LEFT]) if run.undone_at else [],
    }
    return render(request, "crm/imports/run.html", context)


def cursor(request: Request, name: str) -> int | None:
    """The id in a query parameter; what is none is as if it were not there."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

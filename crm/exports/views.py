"""Lists taken as files: the one address behind every "CSV file" and "Excel file", and the page that offers them all."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from crm.audit.actions import note_export, said
from crm.exports import queries
from crm.exports.rules import EXPORTS, Asked, Unusable
from crm.lib.downloads import download
from crm.staff.views import Request, needs, way_back


@require_safe
@needs("export")
def index(request: Request) -> HttpResponse:
    return render(request, "crm/exports.html", {"exports": queries.offered(request.user)})


@require_POST
@needs("read")
def take(request: Request, key: str) -> HttpResponseBase:
    """The list as the page shows it, all its pages; `state` is the page's address. That it was taken is on record."""
    export = EXPORTS.get(key)
    if not (export.allows(request.user) if export else request.user.may("export")):
        raise PermissionDenied
    if export is None:
        raise Http404
    state = QueryDict(request.POST.get("state", ""))
    try:
        table = export.table(Asked(request.user, state, request.now))
    except Unusable:
        messages.error(request, _("This list cannot be read as it is narrowed. Mend its filter first."))
        return redirect(way_back(request))
    view = state.copy()
    if "q" in view:  # what was sought may be somebody's name
        view["q"] = said(str(view["q"]))
    note_export(key, view=view.urlencode(safe=","), at=request.now, by=request.user)
    name = f"{key}-{request.now:%Y-%m-%d}"
    return download(key, table.head, table.rows, form=request.POST.get("as", ""), name=name)

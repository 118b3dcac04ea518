"""The pages of sources: who sends, with which keys, how much, what came last and what was refused."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.lib.formats import grouped
from crm.sources import actions, queries
from crm.sources.forms import SourceForm
from crm.sources.models import Source, WriteKey
from crm.staff.views import Request, needs


@require_safe
@needs("read_sources")
def index(request: Request) -> HttpResponse:
    context = {"rates": queries.rates(request.now), "may_manage": request.user.may("manage_keys")}
    return render(request, "crm/sources.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs("manage_keys")
def new(request: Request) -> HttpResponse:
    form = SourceForm(request.POST or None)
    if form.is_valid():
        try:
            source = actions.create_source(name=form.cleaned_data["name"], at=request.now, by=request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect("source", source.pk)
    return render(request, "crm/sources_new.html", {"form": form})


@require_safe
@needs("read_sources")
def detail(request: Request, pk: int) -> HttpResponse:
    return _detail(request, get_object_or_404(Source, pk=pk))


@require_POST
@needs("manage_keys")
@never_cache
def new_key(request: Request, pk: int) -> HttpResponse:
    """Make a key and show it: this answer is the only place where it can be read."""
    source = get_object_or_404(Source, pk=pk)
    _row, key = actions.create_write_key(source, at=request.now, by=request.user)
    return _detail(request, source, key)


@require_POST
@needs("manage_keys")
def revoke_key(request: Request, pk: int) -> HttpResponse:
    key = get_object_or_404(WriteKey, pk=pk)
    actions.revoke_write_key(key, at=request.now, by=request.user)
    return redirect("source", key.source_id)


@require_POST
@needs("manage_keys")
def retry(request: Request, pk: int) -> HttpResponse:
    """Try the source's parked batches again."""
    source = get_object_or_404(Source, pk=pk)
    again = actions.retry_parked(source, at=request.now, by=request.user)
    words = ngettext("%(n)s batch is tried again.", "%(n)s batches are tried again.", again)
    messages.success(request, words % {"n": grouped(again)})
    return redirect("source", source.pk)


def _detail(request: Request, source: Source, key: str = "") -> HttpResponse:
    rate = queries.rates(request.now, source)[0]
    rejects, newer, older = queries.rejects(source, after=_cursor(request, "after"), before=_cursor(request, "before"))
    context = {
        "source": source,
        "rate": rate,
        "keys": queries.write_keys(source),
        "new_key": key,
        "events": queries.last_events(source, rate.last_received_at),
        "parked": queries.parked(source),
        "rejects": rejects,
        "previous": newer,
        "next": older,
        "site": f"{request.scheme}://{request.get_host()}",
        "host": request.get_host(),
        "scheme": request.scheme,
        "may_manage": request.user.may("manage_keys"),
    }
    return render(request, "crm/sources_detail.html", context)


def _cursor(request: Request, name: str) -> int | None:
    """A place in the list from the query; 404 for what is none."""
    text = request.GET.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Http404
    return int(text)

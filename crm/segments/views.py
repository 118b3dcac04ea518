"""Segments and saved views: kept, renamed, shared, taken away and brought back."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.lib.days import own_day
from crm.lib.fields import refusals, refusals_told
from crm.lib.gate import Refused
from crm.plans.models import Plan
from crm.segments import actions, forms, queries, rules
from crm.segments.models import Kept, SavedView, Segment
from crm.segments.queries import Unusable
from crm.staff.queries import ground_of
from crm.staff.views import Request, address, needs, offer_undo, way_back

K = TypeVar("K", bound=Kept)
ROW_LIMIT = 200
# Whoever's work depends on a segment may show what it would change as it would be, before it is so; None: nothing.
before_change: list[Callable[[Request, Segment], HttpResponse | None]] = []


@needs("read")
def index(request: Request) -> HttpResponse:
    """Every segment with its filter in words and how many stand in it, and every view; a fixed number of queries."""
    segments = list(queries.segments_of(request.user)[:ROW_LIMIT])
    trees, problems = {}, {}
    for row in segments:
        try:
            trees[row.pk] = queries.tree_of(row)
        except Unusable as unusable:
            problems[row.pk] = unusable.problems
    day, known = own_day(request.now), queries.lists()
    currency = ground_of(request.user).installation.currency
    for pk, tree in trees.items():
        problems[pk] = queries.problems(tree, day=day, user=request.user, known=known)
    counts = queries.counts(trees, user=request.user, day=day, known=known)
    context = {
        "segments": [
            {
                "row": row,
                "says": queries.sentence(trees[row.pk], known, currency) if row.pk in trees else "",
                "problems": [queries.refusal(problem) for problem in problems[row.pk]],
                "count": counts.get(row.pk),
                "url": _list_url(where=rules.written(trees[row.pk])) if row.pk in trees else "",
                "may_change": row.may_change(request.user) and request.user.may("save_views"),
            }
            for row in segments
        ],
        "views": [
            {
                "row": row,
                "url": address("portfolio") + (f"?{row.query}" if row.query else ""),
                "may_change": row.may_change(request.user) and request.user.may("save_views"),
            }
            for row in queries.views_of(request.user)[:ROW_LIMIT]
        ],
        "may_keep": request.user.may("save_views"),
        "list_url": address("portfolio"),
    }
    return render(request, "crm/segments/index.html", context)


@needs("read")
def plans_paid(request: Request) -> HttpResponse:
    """For the page of plans, which htmx completes with this: how many accounts pay for each."""
    counts = queries.payers(request.user)
    rows = [
        {"pk": pk, "count": counts.get(pk, 0), "url": _list_url(where=f"plan.has.{pk}")}
        for pk in Plan.objects.order_by("pk").values_list("pk", flat=True)
    ]
    return render(request, "crm/segments/plans_paid.html", {"rows": rows})


def _list_url(**given: str) -> str:
    """The list of accounts narrowed so; empty where there is no such page, as in crm alone."""
    url = address("portfolio")
    return f"{url}?{urlencode(given)}" if url else ""


@needs("save_views")
def new_segment(request: Request) -> HttpResponse:
    """Keep the filter in the address, or in the form, as a segment."""
    form = forms.SegmentForm(request.POST or None, user=request.user, initial={"where": request.GET.get("where", "")})
    if request.method == "POST" and form.is_valid():
        with refusals(form, "name"):
            given = form.kept
            tree = given.pop("where")
            row = actions.keep_segment(tree=tree, **given, at=request.now, by=request.user)
            messages.success(request, _("“%(name)s” is kept.") % {"name": row.name})
            return redirect("segments")
    own = queries.segments_of(request.user).filter(owner=request.user)[:ROW_LIMIT] if form["where"].value() else []
    where = urlencode({"where": form["where"].value()})
    others = [{"name": row.name, "url": f"{reverse('segment-edit', args=[row.pk])}?{where}"} for row in own]
    return _segment_page(request, form, _("New segment"), _("Keep the segment"), own=others)


@needs("save_views")
def edit_segment(request: Request, pk: int) -> HttpResponse:
    """Rename or share a segment; its filter is changed where filters are made, and comes back here in the address."""
    row = _own(Segment, request, pk)
    try:
        where = rules.written(queries.tree_of(row))
    except Unusable:
        where = ""
    start = {"name": row.name, "shared": row.shared, "where": request.GET.get("where", where)}
    form = forms.SegmentForm(request.POST or None, user=request.user, initial=start)
    if request.method == "POST" and form.is_valid():
        with refusals(form, "name"):
            given = form.kept
            tree = given.pop("where")
            given["tree"] = rules.as_json(tree)
            if page := _before(request, Segment(pk=row.pk, **given)):
                return page
            actions.change_kept(row, **given, at=request.now, by=request.user)
            messages.success(request, _("Saved."))
            return redirect("segments")
    return _segment_page(request, form, _("Change a segment"), _("Save the segment"))


def _before(request: Request, segment: Segment) -> HttpResponse | None:
    return next((page for ask in before_change if (page := ask(request, segment))), None)


@require_POST
@needs("save_views")
def new_view(request: Request) -> HttpResponse:
    """Keep the list on screen as a tab; its whole state is its address."""
    form = forms.ViewForm(request.POST, user=request.user)
    if form.is_valid():
        with refusals(form, "name"):
            row = actions.keep_view(**form.kept, at=request.now, by=request.user)
            messages.success(request, _("“%(name)s” is kept.") % {"name": row.name})
            return HttpResponseRedirect(address("portfolio") + (f"?{row.query}" if row.query else ""))
    return _form_page(request, form, _("New view"), _("Keep as a tab"))


@needs("save_views")
def edit_view(request: Request, pk: int) -> HttpResponse:
    row = _own(SavedView, request, pk)
    start = {"name": row.name, "shared": row.shared, "query": row.query}
    form = forms.ViewForm(request.POST or None, user=request.user, initial=start)
    if request.method == "POST" and form.is_valid():
        with refusals(form, "name"):
            actions.change_kept(row, **form.kept, at=request.now, by=request.user)
            messages.success(request, _("Saved."))
            return redirect("segments")
    return _form_page(request, form, _("Change a view"), _("Save the view"))


def _form_page(request: Request, form: forms.KeptForm, title: str, submit: str) -> HttpResponse:
    words = {"title": title, "submit": submit, "back_url": reverse("segments")}
    return render(request, "crm/form.html", words | {"form": form})


def _segment_page(request: Request, form: forms.KeptForm, title: str, submit: str, **more: Any) -> HttpResponse:
    sentence = _in_words(request, str(form["where"].value() or ""))
    words = {"title": title, "submit": submit, "sentence": sentence, "back_url": reverse("segments")}
    return render(request, "crm/segments/form.html", words | {"form": form} | more)


def _in_words(request: Request, where: str) -> str:
    """The filter in a sentence, or why it cannot be read or run."""
    try:
        tree = rules.read(where)
    except Refused as refused:
        return queries.refusal(refused)
    known = queries.lists_of(tree)
    if problems := queries.problems(tree, day=own_day(request.now), user=request.user, known=known):
        return " ".join(queries.refusal(problem) for problem in problems)
    currency = ground_of(request.user).installation.currency
    return _("Accounts with: %(filter)s.") % {"filter": queries.sentence(tree, known, currency)}


def _own(model: type[K], request: Request, pk: int) -> K:
    """The row, if the person sees it (else 404) and may change it (else 403)."""
    row: K = get_object_or_404(model.objects.visible_to(request.user), pk=pk)
    if not row.may_change(request.user):
        raise PermissionDenied
    return row


@require_POST
@needs("save_views")
def delete_segment(request: Request, pk: int) -> HttpResponse:
    return _delete(Segment, request, pk, "segment-restore")


@require_POST
@needs("save_views")
def delete_view(request: Request, pk: int) -> HttpResponse:
    return _delete(SavedView, request, pk, "view-restore")


@require_POST
@needs("save_views")
def restore_segment(request: Request, pk: int) -> HttpResponse:
    return _restore(Segment, request, pk)


@require_POST
@needs("save_views")
def restore_view(request: Request, pk: int) -> HttpResponse:
    return _restore(SavedView, request, pk)


def _delete(model: type[K], request: Request, pk: int, restore: str) -> HttpResponse:
    row = actions.delete_kept(_own(model, request, pk), at=request.now, by=request.user)
    offer_undo(request, _("“%(name)s” is gone.") % {"name": row.name}, reverse(restore, args=[row.pk]))
    return redirect("segments")


def _restore(model: type[K], request: Request, pk: int) -> HttpResponse:
    row: K = get_object_or_404(model.objects.changeable_by(request.user), pk=pk)
    if isinstance(row, Segment):
        back = Segment(pk=row.pk, name=row.name, shared=row.shared, tree=row.tree)
        if page := _before(request, back):
            return page
    with refusals_told(request):
        actions.restore_kept(row, at=request.now, by=request.user)
        messages.success(request, _("“%(name)s” is back.") % {"name": row.name})
    return HttpResponseRedirect(way_back(request, reverse("segments")))

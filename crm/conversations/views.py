"""Conversations: who waits for us, one conversation, and logging a talk in two taps."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from crm.accounts.actions import may_write
from crm.accounts.views import address_of, own_account, seen_account, shown
from crm.contacts.rules import masked_name
from crm.conversations import actions, emails, forms, queries
from crm.conversations.models import Channel, Conversation, ConversationState, channel_icon
from crm.lib.fields import refusals
from crm.lib.formats import grouped
from crm.plans.models import Plan
from crm.staff.models import User
from crm.staff.queries import ground_of
from crm.staff.views import Request, form_page, needs, way_back

TURNS: dict[str, tuple[Callable[..., Conversation], Promise]] = {
    "wait": (actions.wait, gettext_lazy("It waits for them; the clock stands still.")),
    "take_up": (actions.take_up, gettext_lazy("It is our turn again.")),
    "close": (actions.close, gettext_lazy("Closed.")),
    "reopen": (actions.reopen, gettext_lazy("Open again.")),
}


@dataclass(frozen=True)
class Line:
    """A conversation as this person may see it. `due_at` null: nobody waits by a clock; `late`: the target is over."""

    row: Conversation
    icon: str
    title: str
    who: str
    due_at: datetime | None
    late: bool


def line(row: Conversation, user: User, now: datetime) -> Line:
    plain = user.may("read_contact_data")
    who = "" if row.contact is None else row.contact.name if plain else masked_name(row.contact.name)
    due_at = row.due_at if row.state == ConversationState.OPEN and row.answered_at is None else None
    return Line(row, channel_icon(row.channel), str(row), who, due_at, due_at is not None and due_at < now)


def index(request: Request) -> HttpResponse:
    """Where it is our turn, the one that is due first first; one's own unless all are asked for."""
    mine, channel = request.GET.get("whose") != "all", queries.known_channel(request.GET.get("channel", ""))
    rows = queries.waiting_for_us(request.user, mine=mine, channel=channel)
    lines, following = _page(request, rows, queries.after)
    context = {
        "lines": lines,
        "next": following,
        "mine": mine,
        "channel": channel,
        "channels": Channel.choices,
        "warnings": _cadence(request) if channel == Channel.MENTION else None,
    }
    return render(request, "crm/conversations/index.html", context)


def _cadence(request: Request) -> list[tuple[str, bool]]:
    """What we said on social channels, in sentences; true: more than we want."""
    said, ours = queries.cadence(request.user, request.now), ground_of(request.user).installation
    week = ngettext("%(n)s post of ours in 7 days", "%(n)s posts of ours in 7 days", said.posts_in_week)
    most = _("at most %(most)s are meant to be") % {"most": grouped(ours.social_posts_a_week)}
    own = ngettext(
        "Of what we said in 28 days, %(n)s of %(said)s was our own post",
        "Of what we said in 28 days, %(n)s of %(said)s were our own posts",
        said.posts,
    ) % {"n": grouped(said.posts), "said": grouped(said.said)}
    rest = _("the rest answered others")
    return [
        (f"{week % {'n': grouped(said.posts_in_week)}}; {most}.", said.is_too_much(ours.social_posts_a_week)),
        (f"{own}; {rest}.", said.is_about_ourselves(ours.social_own_percent)),
    ]


def of_account(request: Request, account: int) -> HttpResponse:
    """All conversations of one account, newest first."""
    of = seen_account(request, account)
    lines, following = _page(request, queries.of_account(of), queries.older)
    return render(request, "crm/conversations/account.html", shown(request, of, lines=lines, next=following))


def _page(request: Request, rows: Any, after: Callable[..., Any]) -> tuple[list[Line], int | None]:
    place = request.GET.get("after", "")
    if place.isascii() and place.isdigit() and len(place) < 19 and (last := rows.filter(pk=place).first()):
        rows = after(rows, last)
    found = list(rows[: queries.PAGE + 1])
    following = found[queries.PAGE - 1].pk if len(found) > queries.PAGE else None
    return [line(row, request.user, request.now) for row in found[: queries.PAGE]], following


def detail(request: Request, pk: int) -> HttpResponse:
    return _page_of(request, seen(request, pk), forms.SaidForm())


def _page_of(request: Request, row: Conversation, form: forms.SaidForm) -> HttpResponse:
    may, plain = _may(row, request.user), request.user.may("read_contact_data")
    context = {
        "line": line(row, request.user, request.now),
        "entries": queries.entries(row) if plain else [],
        "plain": plain,
        "may": may,
        "tell": emails.who_answers(row, request.now) if plain else "",
        "form": form,
        "is_open": row.state == ConversationState.OPEN,
        "is_closed": row.state == ConversationState.CLOSED,
    }
    status = 422 if form.errors else 200
    return render(request, "crm/conversations/detail.html", shown(request, row.account, **context), status=status)


@needs("write_account")
def new(request: Request, account: int) -> HttpResponse:
    """Log a talk, or take in what they said: the button that is pressed names the channel."""
    of = own_account(request, account)
    form = forms.LogForm(request.POST or None, account=of, initial={"contact": request.GET.get("contact")})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        waits = given.pop("waits")
        with refusals(form):
            if waits:
                actions.receive(of, **given, at=request.now, by=request.user)
                messages.success(request, _("Taken in. They wait for our word now."))
            else:
                row = actions.log(of, **given, at=request.now, by=request.user)
                messages.success(request, _("Logged: %(what)s.") % {"what": Channel(row.channel).label})
            return HttpResponseRedirect(way_back(request, address_of(of)))
    in_place = bool(request.htmx)  # type: ignore[attr-defined]  # HtmxMiddleware
    piece = "crm/conversations/_log.html" if in_place else "crm/conversations/new.html"
    channels = [(value, label, channel_icon(value)) for value, label in Channel.choices]
    context = shown(request, of, form=form, channels=channels, in_place=in_place)
    response = render(request, piece, context)
    patch_vary_headers(response, ["HX-Request"])
    if in_place and request.method == "POST":
        for name, value in (("Retarget", "#log"), ("Reswap", "outerHTML"), ("Reselect", "#log")):
            response.headers[f"HX-{name}"] = value
    return response


@require_POST
@needs("write_account")
def say(request: Request, pk: int) -> HttpResponse:
    """Keep what one of us answered, or (`who` is them) what they said."""
    row = own(request, pk)
    form = forms.SaidForm(request.POST)
    if not form.is_valid():
        return _page_of(request, row, form)
    do = actions.hear if request.POST.get("who") == "them" else actions.answer
    do(row, **form.cleaned_data, at=request.now, by=request.user)
    messages.success(request, _("Kept."))
    return redirect("conversation", row.pk)


@require_POST
@needs("write_account")
def turn(request: Request, pk: int) -> HttpResponse:
    row = own(request, pk)
    if (found := TURNS.get(request.POST.get("do", ""))) is None:
        raise PermissionDenied
    do, words = found
    do(row, at=request.now, by=request.user)
    messages.success(request, str(words))
    return HttpResponseRedirect(way_back(request, reverse("conversation", args=[row.pk])))


@needs("write_account")
def assign(request: Request, pk: int) -> HttpResponse:
    row = own(request, pk)
    start = {"responder": row.responder_id}
    form = forms.ResponderForm(request.POST or None, account=row.account, user=request.user, initial=start)
    back = reverse("conversation", args=[row.pk])
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.assign(row, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("%(name)s answers.") % {"name": form.cleaned_data["responder"].name})
            return HttpResponseRedirect(back)
    words = {"title": _("Who answers?"), "submit": _("Save"), "back_url": back}
    return form_page(request, form, slot="responder", **words, **shown(request, row.account))


def seen(request: Request, pk: int) -> Conversation:
    rows = Conversation.objects.visible_to(request.user)
    related = ("account__owner", "account__pool", "contact", "responder")
    return get_object_or_404(rows.select_related(*related), pk=pk)


def own(request: Request, pk: int) -> Conversation:
    """The conversation, if the person may also speak in it; else 403."""
    row = seen(request, pk)
    if not _may(row, request.user):
        raise PermissionDenied
    return row


def _may(row: Conversation, user: User) -> bool:
    return may_write(row.account, by=user) or (row.responder_id == user.pk and user.may("write_account"))


@needs("read")
def targets(request: Request) -> HttpResponse:
    """Within how many open minutes a first answer is due, by channel, for any plan and for each that has its own."""
    held = queries.targets()
    rows = [(None, held.get(None, {}))] + [
        (plan, held.get(plan.pk, {})) for plan in Plan.objects.order_by("name", "pk")
    ]
    channels = [(value, label) for value, label in Channel.choices if value != Channel.NOTE]
    table = [(plan, [(label, of.get(value)) for value, label in channels]) for plan, of in rows]
    may = request.user.may("configure")
    percent = ground_of(request.user).installation.answer_warning_percent
    context = {"table": table, "channels": channels, "may_configure": may, "percent": percent}
    return render(request, "crm/conversations/targets.html", context)


@needs("configure")
def edit_warning(request: Request) -> HttpResponse:
    ours = ground_of(request.user).installation
    held = {"percent": ours.answer_warning_percent, "posts_a_week": ours.social_posts_a_week}
    form = forms.WarningForm(request.POST or None, initial=held | {"own_percent": ours.social_own_percent})
    back = reverse("response-targets")
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.set_warnings(**form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Saved. Clocks that run keep the warning they have."))
            return HttpResponseRedirect(back)
    words = {"title": _("When to warn"), "submit": _("Save"), "back_url": back}
    return form_page(request, form, slot="warning", **words)


@needs("configure")
def edit_targets(request: Request, plan: int = 0) -> HttpResponse:
    of = get_object_or_404(Plan, pk=plan) if plan else None
    form = forms.TargetForm(request.POST or None, plan=of)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            for channel, minutes in form.cleaned_data.items():
                actions.set_target(channel=channel, plan=of, minutes=minutes, at=request.now, by=request.user)
            messages.success(request, _("Saved. Clocks that run keep the target they have."))
            return redirect("response-targets")
    title = of.name if of else _("Any plan")
    sentence = _("Minutes of open time until the first answer. Empty: no clock, or that of any plan.")
    words = {"title": title, "submit": _("Save"), "back_url": reverse("response-targets"), "sentence": sentence}
    return render(request, "crm/form.html", words | {"form": form})

"""What somebody reads who takes an account over: what waits, what was said last, what was promised for when."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from crm.contacts.rules import masked_name
from crm.staff.views import Request, needs
from retention.follow_ups.models import FollowUp
from retention.handovers.actions import read_handover
from retention.handovers.models import Handover
from retention.messages.queries import standings
from retention.outcomes.queries import story
from retention.pages import account as account_page
from retention.pages import telling
from retention.pages.seen import seen_account
from retention.risk_signals.queries import open_signals, sentence

WORDS, LATEST = 6, 12
# What was said, to us and by us.
SAID = {"mail", "survey"}


@needs("read")
def handover(request: Request, pk: int) -> HttpResponse:
    """GET: the newest handover of the account. POST: its new owner has read it."""
    of = seen_account(request, pk)
    rows = Handover.objects.system("of an account that is seen").filter(account=of).select_related("giver", "taker")
    row = rows.order_by("-pk").first()
    if row is None:
        raise Http404
    if request.method == "POST":
        if row.taker_id != request.user.pk:
            raise PermissionDenied
        read_handover(row, at=request.now, by=request.user)
        return redirect("account", pk)
    return render(request, "retention/handover.html", {"handover": row, **_shown(request, of, row)})


def _shown(request: Request, of: Any, row: Handover) -> dict[str, Any]:
    day = request.now.date()
    plain = request.user.may("read_contact_data")
    told = story(of.pk, day - timedelta(days=1), day)
    drafts = FollowUp.objects.system("of an account that is seen").drafts().filter(account=of).select_related("contact")
    waiting = list(drafts.order_by("occurrence_on", "pk")[:LATEST])
    for draft in waiting:
        name = draft.contact.name if plain else masked_name(draft.contact.name)
        draft.to = _("to %(name)s") % {"name": name}  # type: ignore[attr-defined]  # for the page alone
    return {
        "account": of,
        "facts": account_page.facts(of, standings([of.pk], day)[of.pk], day),
        "drafts": waiting if plain else [],
        "hidden": len(waiting) if not plain else 0,
        "promises": account_page.promised(of, request, may=False),
        "tasks": account_page.tasks(of.tasks, request, may=False, day=day),
        "words": telling.lines((event for event in told.events if event.kind in SAID), request.user)[:WORDS],
        "signals": [sentence(signal) for signal in open_signals(request.user).filter(account=of)[:LATEST]],
        "goals": account_page.goals(of.goals, request.now.date()),
        "troubles": account_page.troubles(of.troubles),
        "people": account_page.people(of, request),
        "may_read": row.taker_id == request.user.pk and row.read_at is None,
    }

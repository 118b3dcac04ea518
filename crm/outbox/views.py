"""The pages of mail: what waits, what went out, what needs a person; and one mail as the customer reads it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from crm.audit.models import AuditRow
from crm.contacts.rules import masked_email, masked_name
from crm.outbox import actions, queries
from crm.outbox.forms import MailFilter
from crm.outbox.models import MailRefused, MailState, OutboundMail, Reason
from crm.staff.queries import installation
from crm.staff.views import Request, needs

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

CHIPS = {
    MailState.SENT: "good",
    MailState.FAILED: "bad",
    MailState.UNCONFIRMED: "warn",
    MailState.RETURNED: "warn",
    MailState.SUPPRESSED: "warn",
}
HAPPENED = {
    "mail.approved": _("Approved."),
    "mail.handed_over": _("Handed to the mail server."),
    "mail.sent": _("Sent."),
    "mail.deferred": _("Put off for a moment."),
    "mail.put_back": _("Put back, because sending was switched off."),
    "mail.unconfirmed": _("No answer came, so nobody knows whether it was taken."),
    "mail.failed": _("Not sent."),
    "mail.suppressed": _("Not sent, because this person gets no such mail."),
    "mail.returned": _("Given back."),
    "mail.cancelled": _("Cancelled."),
    "mail.marked_sent": _("Marked as sent."),
    "mail.sent_again": _("Approved to be sent again."),
}
# A mail is a document of its own: no scripts, no fetching, and only our pages may frame it.
MAIL_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"


@require_safe
@needs("read")
def index(request: Request) -> HttpResponse:
    form = MailFilter(request.GET)
    form.is_valid()
    chosen = form.cleaned_data
    page = queries.mails(
        request.user,
        state=chosen.get("state", ""),
        kind=chosen.get("kind", ""),
        account=chosen.get("account"),
        after=chosen.get("after"),
        before=chosen.get("before"),
    )
    context = {
        "form": form,
        "rows": [_row(request, mail) for mail in page.rows],
        "newer": page.newer,
        "older": page.older,
        "narrowed": any(chosen.get(name) for name in ("state", "kind", "account")),
        "waiting": _waiting(request),
        "columns": [{"label": word, "key": "", "align": ""} for word in COLUMNS],
    }
    return render(request, "crm/mails.html", context | _sending(request))


COLUMNS = (_("Recipient"), _("Subject"), _("Customer"), _("Signed by"), _("State"), _("When"))


def _row(request: Request, mail: OutboundMail) -> dict[str, Any]:
    return {"mail": mail, "kind": CHIPS.get(MailState(mail.state), ""), **_whom(request, mail)}


def _whom(request: Request, mail: OutboundMail) -> dict[str, str]:
    if request.user.may("read_contact_data"):
        return {"name": mail.to_name, "address": mail.to_address, "subject": mail.subject}
    # A subject may greet by name, so it goes with the rest of what this role does not read.
    return {"name": masked_name(mail.to_name), "address": masked_email(mail.to_address), "subject": "•••"}


def _waiting(request: Request) -> list[dict[str, Any]]:
    counts = queries.waiting_for_us(request.user)
    return [{"state": state, "label": MailState(state).label, "count": count} for state, count in counts.items()]


def _sending(request: Request) -> dict[str, Any]:
    on = installation().sending
    return {
        "sending": on,
        "pause": None if on else queries.standing_pause(),
        "may_resume": request.user.may("manage_users"),
    }


@require_safe
@needs("read")
def detail(request: Request, pk: int) -> HttpResponse:
    mail = _mail(request, pk)
    decides = queries.may_decide(request.user, mail)
    context = {
        "mail": mail,
        "chip": CHIPS.get(MailState(mail.state), ""),
        "readable": request.user.may("read_contact_data"),
        "decides": decides,
        "history": [_line(row) for row in queries.history(mail)],
    }
    return render(request, "crm/mail.html", context | _whom(request, mail) | _sending(request))


def _line(row: AuditRow) -> dict[str, Any]:
    return {
        "at": row.at,
        "kind": "mail",
        "who": _("Holdfast") if row.actor_kind == "system" else row.actor_label,
        "text": " ".join(part for part in (_words(row), str(row.after.get("said", ""))) if part),
        "state": _("for %(name)s") % {"name": row.on_behalf_of} if row.on_behalf_of else "",
    }


def _words(row: AuditRow) -> str:
    reason = row.after.get("reason", "")
    said = str(HAPPENED.get(row.action, row.action))
    return f"{said} {Reason(reason).label}" if reason in Reason.values and reason else said


@require_safe
@needs("read_contact_data")
def body(request: Request, pk: int) -> HttpResponse:
    """The mail itself, as its own sandboxed document inside the page of the mail."""
    mail = _mail(request, pk)
    response = HttpResponse(mail.body_html)
    response["Content-Security-Policy"] = MAIL_CSP
    response["X-Frame-Options"] = "SAMEORIGIN"
    response["Cache-Control"] = "private, no-store"
    return response


def _mail(request: Request, pk: int) -> OutboundMail:
    rows = OutboundMail.objects.visible_to(request.user)
    whole = rows.select_related("account__owner", "contact", "signer", "approved_by", "reservation")
    return get_object_or_404(whole, pk=pk)


def _decide(request: Request, pk: int, action: Callable[..., bool | None], said: "_StrPromise | str") -> HttpResponse:
    mail = _mail(request, pk)
    try:
        done = action(mail, at=request.now, by=request.user)
    except MailRefused as refused:
        messages.error(request, str(refused))
    else:
        if done is False:
            messages.warning(request, str(_("This mail has moved on in the meantime; nothing was changed.")))
        else:
            messages.success(request, str(said))
    return redirect("mail", pk)


@require_POST
@needs("approve")
def mark_sent(request: Request, pk: int) -> HttpResponse:
    return _decide(request, pk, actions.mark_sent, _("The mail counts as sent."))


@require_POST
@needs("approve")
def send_again(request: Request, pk: int) -> HttpResponse:
    return _decide(request, pk, actions.send_again, _("The mail goes out again within a minute."))


@require_POST
@needs("approve")
def cancel(request: Request, pk: int) -> HttpResponse:
    return _decide(request, pk, actions.cancel, _("The mail is cancelled and takes nothing of the budget."))


@require_POST
@needs("approve")
def stop(request: Request, pk: int) -> HttpResponse:
    return _decide(request, pk, actions.stop_address, _("This address gets no more mail from us."))


@require_POST
@needs("manage_users")
def resume(request: Request) -> HttpResponse:
    actions.resume(at=request.now, by=request.user)
    messages.success(request, str(_("Sending is on again.")))
    return redirect("mail-files")

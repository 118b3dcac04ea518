"""Mailing the links that wait, and forgetting what is over."""

from collections.abc import Callable
from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction

from crm.lib.mailer import Away, Refused, Transport, Unanswered
from crm.sign_in import emails, rules
from crm.sign_in.models import Guesses, OneTimeLink
from crm.staff.queries import installation


def send_links(*, clock: Callable[[], datetime], transport: Transport, seconds: float = 10) -> int:
    """Mail what waits, for about `seconds`; returns how many went out.

    After a crash perhaps twice, which a link to oneself can bear. A server that is away ends the round.
    """
    company, begun, sent = installation().company_name, clock(), 0
    try:
        while clock() - begun < timedelta(seconds=seconds) and (link := _claim(at=clock())):
            sent += _send(link, transport, company, at=clock())
    except Away:
        pass
    finally:
        transport.close()
    return sent


@transaction.atomic
def _claim(*, at: datetime) -> OneTimeLink | None:
    """Hold one for a while and count the attempt, so that no worker that dies can try it for ever."""
    rows = OneTimeLink.objects.to_mail(at).order_by("created_at", "pk")
    link = rows.select_for_update(of=("self",), skip_locked=True).select_related("made_by").first()
    if link is not None:
        link.mail_lease_until = at + rules.retry_after(link.mail_attempts)
        link.mail_attempts += 1
        link.save(update_fields=["mail_attempts", "mail_lease_until"])
    return link


def _send(link: OneTimeLink, transport: Transport, company: str, *, at: datetime) -> bool:
    """Raises Away, the reason kept, when there is no server."""
    row = OneTimeLink.objects.filter(pk=link.pk)
    try:
        data = emails.wire(link, company=company, at=at)
        transport.begin(emails.envelope(link))
        transport.finish(data)
    except (Refused, Away, Unanswered, ValueError) as error:
        row.update(mail_said=str(error)[:200])
        if isinstance(error, Away):
            raise
        return False
    row.update(mail_waits=False, mailed_at=at, mail_said="")
    return True


@transaction.atomic
def _forget(*, at: datetime) -> tuple[int, int, int]:
    guesses, _each = Guesses.objects.filter(last_at__lte=at - rules.WINDOW).delete()
    links, _each = OneTimeLink.objects.filter(expires_at__lte=at - rules.KEPT).delete()
    over, _each = Session.objects.filter(expire_date__lte=at).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    return guesses, links, over


def tidy(*, at: datetime) -> str:
    guesses, links, over = _forget(at=at)
    return f"{guesses} keys of guesses, {links} links and {over} sessions forgotten"

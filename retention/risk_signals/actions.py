"""Opening signals on transitions, keeping them current, closing them when they clear."""

from datetime import date, datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction

from crm.accounts.actions import require_write
from crm.accounts.models import Account
from crm.attention import actions as attention
from crm.attention.models import HoldKind
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.staff.models import User
from crm.webhooks import actions as webhooks
from crm.webhooks.rules import SIGNAL_OPENED
from feedback.answers.models import Answer
from retention.risk_signals import queries
from retention.risk_signals.models import RiskSignal, SignalKind

_UPSERT = """
INSERT INTO retention_risksignal
    (account_id, kind, subject, opened_at, updated_at, closed_why, evidence, score_version, score_day)
VALUES (%(account)s, %(kind)s, %(subject)s, %(at)s, %(at)s, '', %(evidence)s, %(version)s, %(day)s)
ON CONFLICT (account_id, kind, subject) WHERE closed_at IS NULL DO UPDATE
    SET updated_at = excluded.updated_at, score_day = excluded.score_day, score_version = excluded.score_version,
        evidence = CASE WHEN retention_risksignal.score_version IS DISTINCT FROM excluded.score_version
            OR EXISTS (SELECT FROM retention_switch AS switch
                WHERE switch.version_id = excluded.score_version AND switch.day >= retention_risksignal.score_day)
            THEN excluded.evidence -- two versions, or ranks among others, are never set against each other
            ELSE excluded.evidence - 'since' || jsonb_strip_nulls(jsonb_build_object(
                'before', retention_risksignal.evidence -> 'before',
                'since', retention_risksignal.evidence -> 'since')) END
    WHERE retention_risksignal.score_day IS DISTINCT FROM excluded.score_day
        OR retention_risksignal.evidence -> 'points' IS DISTINCT FROM excluded.evidence -> 'points'
RETURNING id, (xmax = 0)
"""


@transaction.atomic
def look(*, at: datetime, by: Actor) -> str:
    """Open, update and close signals from the scores and answers as they stand; twice changes nothing."""
    halted, going = queries.halts(at)
    closed = _close([*queries.cleared(), *queries.settled(at), *going], at=at)
    opened = [_open_or_update(_of_movement(movement), at=at) for movement in queries.movements()]
    opened += [_open_or_update(_of_occurrence(found), at=at) for found in [*queries.occurrences(at), *halted]]
    _follow_disputes(at=at, by=by)
    opened += [_open_detractor(answer, at=at, by=by) for answer in queries.unsignalled_detractors()]
    told = {str(each["signal"]): each for each in opened if each}
    webhooks.emit(SIGNAL_OPENED, told, at=at, by=by)
    counts = {"opened": len(told), "closed": closed}
    if any(counts.values()):
        audit.record("signals.looked", ("risksignal", "all"), at=at, by=by, after=counts)
    return f"{counts['opened']} signals opened, {closed} closed"


def _of_movement(movement: queries.Movement) -> dict[str, Any]:
    evidence = {"points": movement.points, "before": movement.before, "costliest": movement.costliest}
    if movement.since:
        evidence["since"] = movement.since.isoformat()
    return {
        "account": movement.account_id,
        "kind": movement.kind,
        "subject": "",
        "evidence": evidence,
        "version": movement.version_id,
        "day": movement.day,
    }


def _of_occurrence(found: queries.Occurrence) -> dict[str, Any]:
    return {
        "account": found.account_id,
        "kind": found.kind,
        "subject": found.subject,
        "evidence": found.evidence,
        "version": None,
        "day": None,
    }


def _follow_disputes(*, at: datetime, by: Actor) -> None:
    """Ask nobody for anything who disputes a payment, until that is settled."""
    found = queries.disputes(at)
    accounts = Account.objects.system("disputes hold back asks").in_bulk([each.account_id for each in found])
    for each in found:
        follow = attention.hold if each.begins else attention.lift
        follow(accounts[each.account_id], kind=HoldKind.PAYMENT_DISPUTE, subject=each.subject, at=at, by=by)


def _open_or_update(row: dict[str, Any], *, at: datetime) -> dict[str, Any] | None:
    """The signal that was opened, as others are told of it. One statement, so that two pipelines open it once."""
    from django.db.backends.postgresql.psycopg_any import Jsonb

    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, {**row, "evidence": Jsonb(row["evidence"]), "at": at})
        found = cursor.fetchone()
    if not found or not found[1]:
        return None
    evidence = row["evidence"]
    figures = {name: evidence[name] / 10 for name in ("points", "before") if evidence.get(name) is not None}
    figures |= {"score": evidence["score"]} if "score" in evidence else {}
    return {"signal": found[0], "account": row["account"], "kind": row["kind"], **figures}


def _open_detractor(answer: Answer, *, at: datetime, by: Actor) -> dict[str, Any] | None:
    wave = answer.invitation.wave
    question = wave.survey.name
    row = {"account": answer.account_id, "kind": SignalKind.DETRACTOR.value, "subject": str(answer.pk)}
    evidence = {"score": answer.score, "question": question, "contact": answer.contact_id}
    opened = _open_or_update({**row, "evidence": evidence, "version": None, "day": None}, at=at)
    # Nobody who has just told us that something is wrong is asked for anything until they were answered.
    attention.hold(answer.account, kind="detractor", subject=f"answer:{answer.pk}", at=at, by=by)
    return opened


def _close(cleared: list[tuple[int, str]], *, at: datetime) -> int:
    for pk, why in cleared:
        rows = RiskSignal.objects.system("close what has cleared").open().filter(pk=pk)
        rows.update(closed_at=at, updated_at=at, closed_why=queries.CLOSED_WHY[why])
    return len(cleared)


@transaction.atomic
def answer_detractor(signal: RiskSignal, *, at: datetime, by: Actor) -> None:
    """The customer was answered: close the signal and lift the hold that it put on asking."""
    rows = RiskSignal.objects.system("the signal at hand").open().filter(pk=signal.pk, kind=SignalKind.DETRACTOR)
    if not rows.update(closed_at=at, updated_at=at, closed_why=queries.CLOSED_WHY["answered"]):
        return
    attention.lift(signal.account, kind="detractor", subject=f"answer:{signal.subject}", at=at, by=by)
    audit.record("signal.closed", signal, at=at, by=by, after={"why": "answered"})


@transaction.atomic
def snooze(signal: RiskSignal, *, until: date, why: str, at: datetime, by: User) -> None:
    """Keep a signal out of sight until a day, for a reason that stays on record. Raises PermissionDenied."""
    require_write(signal.account, by=by)
    if not why.strip():
        raise PermissionDenied("A signal is put off for a reason.")
    RiskSignal.objects.system("of an account just required").filter(pk=signal.pk).update(
        snoozed_until=until, updated_at=at
    )
    audit.record("signal.snoozed", signal, at=at, by=by, after={"until": until, "why": audit.said(why[:200])})

"""MRR and its movements as arithmetic: one rule names every step of an account's daily MRR. And what is not paid."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

NEW, EXPANSION, CONTRACTION = "new", "expansion", "contraction"
CHURN, REACTIVATION, RENEWAL = "churn", "reactivation", "renewal"
KINDS = (NEW, EXPANSION, CONTRACTION, CHURN, REACTIVATION, RENEWAL)
MICRO = Decimal("0.000001")


def monthly(price: Decimal, billing_months: int) -> Decimal:
    """MRR of a price per billing period: price ÷ months, half-even to six places, so that sums never divide."""
    return (price / billing_months).quantize(MICRO, ROUND_HALF_EVEN)


@dataclass(frozen=True)
class Step:
    """An account's paid state from `day` on, all lines added up; a row only where something begins or ends.

    `mrr` is in the reporting currency, None when a rate is missing. `term_starts`: a new term begins this day.
    """

    day: date
    paid: bool
    mrr: Decimal | None
    term_starts: bool = False


@dataclass(frozen=True)
class Move:
    """One named change of an account's MRR. `amount` None: it happened, but a rate is missing."""

    day: date
    kind: str
    amount: Decimal | None


NOTHING = Step(day=date.min, paid=False, mrr=Decimal(0))


def kind(before: Step, after: Step, *, paid_earlier: bool) -> str | None:
    """Name the step from one state to the next; None when it is no movement.

    A price cut that comes with a longer billing period is judged by MRR alone, so it is a contraction
    when MRR falls. Renewal: a new term starts while MRR is unchanged. Where a rate is missing on either
    side of a paid step, its direction cannot be known and nothing is named.
    """
    if not before.paid:
        if not after.paid:
            return None
        return REACTIVATION if paid_earlier else NEW
    if not after.paid:
        return CHURN
    if before.mrr is None or after.mrr is None:
        return None
    if after.mrr != before.mrr:
        return EXPANSION if after.mrr > before.mrr else CONTRACTION
    return RENEWAL if after.term_starts else None


def moves(steps: Iterable[Step]) -> Iterator[Move]:
    """Name the movements of one account. `steps` are in order of day and begin at its first paid day.

    The amounts between two days add up to the difference of MRR, wherever every rate is known.
    """
    before, paid_earlier = NOTHING, False
    for after in steps:
        name = kind(before, after, paid_earlier=paid_earlier)
        if name:
            known = before.mrr is not None and after.mrr is not None
            yield Move(after.day, name, after.mrr - before.mrr if known else None)  # type: ignore[operator]
        before, paid_earlier = after, paid_earlier or after.paid


FAILED, DISPUTED, SETTLED = "failed", "disputed", "settled"


@dataclass(frozen=True)
class Payment:
    """A row of one subscription. Rows of one `invoice` speak of the same money; without a name they all do."""

    on: date
    kind: str
    invoice: str = ""
    amount: Decimal | None = None


@dataclass(frozen=True)
class Trouble:
    """Money of one invoice that is not settled: failed, or disputed as soon as one of its rows says so.

    `since`: its first row after the last settlement; `failures`: how often it was tried in vain since then.
    `amount` is the last one stated, None: none was.
    """

    invoice: str
    kind: str
    since: date
    failures: int
    amount: Decimal | None


def troubles(rows: Iterable[Payment], day: date) -> list[Trouble]:
    """What was open at the end of `day`, the longest first. `rows` of one subscription, by their day and id."""
    unsettled: dict[str, list[Payment]] = {}
    for row in rows:
        if row.on > day:
            continue
        if row.kind == SETTLED:
            unsettled.pop(row.invoice, None)
        else:
            unsettled.setdefault(row.invoice, []).append(row)
    found = [
        Trouble(
            invoice,
            DISPUTED if any(row.kind == DISPUTED for row in held) else FAILED,
            held[0].on,
            sum(row.kind == FAILED for row in held),
            next((row.amount for row in reversed(held) if row.amount is not None), None),
        )
        for invoice, held in unsettled.items()
    ]
    return sorted(found, key=lambda one: (one.since, one.invoice))

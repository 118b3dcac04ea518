"""What the demo's reps foresaw of renewals, and when: right for most, late for some, nothing for a few. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from retention.management.demo.company import (
    CHAMPION_LEFT,
    DETRACTOR,
    FADING,
    GROWING,
    LEFT,
    PRICIER,
    SEATS_UNUSED,
    STUCK,
    Customer,
)
from retention.management.demo.letters import GROWTH, mrr_of, renewal_days

FIRST, SECOND, LAST = 95, 50, 12  # days before a renewal on which reps say what they expect
REASONS = {
    CHAMPION_LEFT.name: "Their head of dispatch has left, and nobody has taken over.",
    FADING.name: "Use has fallen for months.",
    DETRACTOR.name: "Angry about the exports; we owe them an answer.",
    PRICIER.name: "The new price is under review with their finance.",
    STUCK.name: "Still not live; they ask what they pay for.",
    SEATS_UNUSED.name: "They use a third of their seats and will ask for fewer.",
}


@dataclass(frozen=True)
class Said:
    """One forecast; `mrr` None: as much as now."""

    customer: str
    owner: str
    renews_on: date
    days_before: int
    category: str
    mrr: int | None = None
    reason: str = ""

    @property
    def on(self) -> date:
        return self.renews_on - timedelta(days=self.days_before)


def forecasts(customers: Iterable[Customer], today: date) -> list[Said]:
    """Everything that was said by today about renewals from a year ago on, in the order in which it was said."""
    found = [
        said
        for number, customer in enumerate(customers)
        for renews_on in renewal_days(customer, today)
        if renews_on > today - timedelta(days=365)
        for said in _about(customer, renews_on, today, number)
    ]
    return sorted((said for said in found if said.on <= today), key=lambda said: (said.on, said.customer))


def _about(customer: Customer, renews_on: date, today: date, number: int) -> Iterator[Said]:
    about = (customer.key, customer.owner, renews_on)
    ahead, story = renews_on > today, customer.story
    if number % 6 == 5:
        return  # nobody got to it
    if story is GROWING:
        yield Said(*about, FIRST, "renews")
        yield Said(
            *about, SECOND, "grows", round(mrr_of(customer) * GROWTH), customer.told("More teams ask for seats.")
        )
    elif story is LEFT:
        yield Said(*about, FIRST, "renews")
        if number % 2:
            yield Said(*about, SECOND, "at_risk", None, customer.told("Hardly anybody plans trips any more."))
        yield Said(*about, LAST, "leaves", None, customer.told("They told us that they move to their own tool."))
    elif ahead and story.name in REASONS:
        yield Said(*about, FIRST, "renews")
        yield Said(*about, SECOND, "at_risk", round(mrr_of(customer) * 0.6), customer.told(REASONS[story.name]))
    elif number % 9 == 4 and not ahead:
        yield Said(*about, SECOND, "at_risk", None, customer.told("A new director looks at all contracts."))
    else:
        yield Said(*about, FIRST, "renews")

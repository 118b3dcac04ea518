"""What the demo's reps promised, talked about and think, what customers want and did not pay, as files. Pure."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from retention.management.demo.company import (
    CHAMPION_LEFT,
    DETRACTOR,
    FADING,
    PLANS,
    PRICIER,
    STEADY,
    THRIVING,
    Customer,
)
from retention.management.demo.letters import address, mrr_of, table

# What was promised, days from today: made, due and settled (None: open), and what became of it.
PROMISES = (
    ("A report of trips by depot", -20, -4, None, "open"),
    ("A call with our product team about exports", -6, 5, None, "open"),
    ("A training for the new dispatchers", -70, -40, -41, "kept"),
    ("Alerts by text message", -95, -60, -52, "kept"),
    ("A second carrier portal", -120, -80, -75, "broken"),
)
EVERY = 4  # one customer in so many was promised something


def promises_csv(customers: Iterable[Customer], today: date) -> str:
    header = ("account", "external_id", "promise", "made_on", "due_on", "to", "by", "state", "settled_on")
    return table(header, _promises(customers, today))


def _promises(customers: Iterable[Customer], today: date) -> Iterator[tuple[object, ...]]:
    def day(offset: int | None) -> date | str:
        return "" if offset is None else today + timedelta(days=offset)

    for number, customer in enumerate(customers):
        if number % EVERY or customer.story.ended >= 0:
            continue
        to = next((person.email for person in customer.people if person.leaves < 0), "")
        chosen = number // EVERY
        for text, made, due, settled, state in (PROMISES[chosen % 5], PROMISES[(chosen + 2) % 5]):
            key = f"{customer.key}:{made}"
            yield (
                customer.key, key, customer.told(text), day(made), day(due), to, address(customer.owner), state,
                day(settled),
            )  # fmt: skip


# Channel, subject, what they said; hours before now: begun, answered, closed (None: not).
TALKS = (
    ("ticket", "The export stops half-way", "Every export of last week's trips stops half-way.", 70, None, None),
    ("mail", "Invoice of last month", "Could you send last month's invoice again?", 5, None, None),
    ("call", "", "They are happy with the alerts and ask for a training.", 190, 190, 190),
    ("chat", "Adding a depot", "Where do I add a depot?", 300, 299, 298),
    ("meeting", "Quarterly review", "We went through the figures of the quarter.", 900, 900, 900),
)


def conversations_csv(customers: Iterable[Customer], now: datetime) -> str:
    header = ("account", "external_id", "channel", "subject", "text", "email", "began_at", "answered_at", "closed_at")
    return table(header, _conversations(customers, now))


def _conversations(customers: Iterable[Customer], now: datetime) -> Iterator[tuple[object, ...]]:
    def instant(hours: int | None) -> str:
        return "" if hours is None else (now - timedelta(hours=hours)).isoformat(timespec="seconds")

    for number, customer in enumerate(customers):
        if number % 3 or customer.story.ended >= 0:
            continue
        email = next((person.email for person in customer.people if person.leaves < 0), "")
        chosen = number // 3
        for channel, subject, text, *hours in (TALKS[chosen % 5], TALKS[(chosen + 3) % 5]):
            words = (customer.told(subject), customer.told(text))
            key = f"{customer.key}:{channel}"
            yield (customer.key, key, channel, *words, email, *(instant(each) for each in hours))


# What a new customer should reach: name, by what, feature, how much, within how many days; the second is first value.
# The small ones begin with less.
KICKOFF, HELD_AFTER = "Kickoff held", 2
Milestone = tuple[str, str, str, int | None, int]
FIRST_STEPS: tuple[Milestone, ...] = (
    (KICKOFF, "hand", "", None, 3),
    ("First trip planned", "first_use", "trip-planning", None, 7),
)
SMALL: tuple[Milestone, ...] = (*FIRST_STEPS, ("Three people at work", "people", "", 3, 21))
LARGER: tuple[Milestone, ...] = (
    *FIRST_STEPS,
    ("Four people at work", "people", "", 4, 21),
    ("Carriers invited", "first_use", "carrier-portal", None, 30),
    ("Route costing in use", "meaningful", "route-costing", None, 40),
)


def kickoffs_csv(customers: Iterable[Customer], today: date, *, since: int) -> str:
    """Who of those that began within so many days had a kickoff, all but every third of the newest."""
    rows = (
        (customer.key, KICKOFF, today - timedelta(days=customer.begins - HELD_AFTER))
        for number, customer in enumerate(customers)
        if customer.begins <= since and (customer.begins > 30 or number % 3)
    )
    return table(("account", "milestone", "reached_on"), rows)


# Why they bought, the feature that shows it, baseline and target per seat in 28 days; set and due, days from today.
GOALS = (
    ("Plan every trip in one place", "trip-planning", 0, 24, -180, 60),
    ("Answer a delay before the customer calls", "alerts", 0, 4, -120, 40),
    ("Know what a route costs before we offer it", "route-costing", 0, 3, -150, -20),
)


def goals_csv(customers: Iterable[Customer], today: date) -> str:
    header = ("account", "external_id", "goal", "feature", "baseline", "target", "set_on", "due_on")
    return table(header, _goals(customers, today))


def _goals(customers: Iterable[Customer], today: date) -> Iterator[tuple[object, ...]]:
    for number, customer in enumerate(customers):
        if number % 2 or customer.story.ended >= 0:
            continue
        included = next(keys for code, _name, _price, keys in PLANS if code == customer.plan)
        for words, feature, baseline, target, since, due in (GOALS[0], GOALS[1 + number // 2 % 2]):
            if feature not in included:
                continue
            begun = max(since, -customer.begins)
            yield (
                customer.key, f"{customer.key}:{feature}", customer.told(words), feature, baseline * customer.seats,
                target * customer.seats, today + timedelta(days=begun), today + timedelta(days=due),
            )  # fmt: skip


# What became of money, days ago: each a row of its own.
PAYMENTS = (
    (("failed", 4, "The card has expired"),),
    (("failed", 12, "The bank declined it"), ("failed", 5, "The bank declined it")),
    (("disputed", 3, "They say that it was paid twice"),),
    (("failed", 40, "The card has expired"), ("settled", 33, "")),
)


def payments_csv(customers: Iterable[Customer], today: date) -> str:
    header = ("account", "subscription", "external_id", "kind", "on", "amount", "currency", "invoice", "why")
    return table(header, _payments(customers, today))


def _payments(customers: Iterable[Customer], today: date) -> Iterator[tuple[object, ...]]:
    for number, customer in enumerate(customers):
        if number % 7 or customer.story.ended >= 0 or customer.begins < 60:
            continue
        invoice = f"{today.year}-{1000 + number}"
        for kind, ago, why in PAYMENTS[number // 7 % 4]:
            on = today - timedelta(days=ago)
            yield (
                customer.key, f"{customer.key}-main", f"{customer.key}:{kind}:{ago}", kind, on, mrr_of(customer), "EUR",
                invoice, customer.told(why),
            )  # fmt: skip


# How the owner finds them, by story: the pulse, the reason, days ago.
PULSES = {
    THRIVING.name: (5, "Every depot plans with us; they recommend us to others.", 12),
    STEADY.name: (4, "Good talks, no surprises.", 30),
    FADING.name: (2, "Calls get shorter, and the new director asks about the price.", 9),
    DETRACTOR.name: (1, "Angry about the exports, and we have not answered.", 5),
    PRICIER.name: (2, "The price rise still comes up in every talk.", 20),
    CHAMPION_LEFT.name: (3, "The successor is friendly and knows nothing of us.", 100),
}


def pulses_csv(customers: Iterable[Customer], today: date) -> str:
    header = ("account", "pulse", "reason", "on", "by")
    return table(
        header,
        (
            (c.key, value, c.told(why), today - timedelta(days=ago), address(c.owner))
            for c in customers
            if c.story.name in PULSES
            for value, why, ago in [PULSES[c.story.name]]
        ),
    )

"""What the demo's reps promised, and what they talked about with customers, as the files that they import. Pure."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from retention.management.demo.company import Customer
from retention.management.demo.letters import address, table

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
MILESTONES = (
    ("Kickoff held", "hand", "", None, 3),
    ("First trip planned", "first_use", "trip-planning", None, 7),
    ("Reports in use", "meaningful", "reports", None, 21),
    ("Four people at work", "people", "", 4, 30),
)
KICKOFF, HELD_AFTER = MILESTONES[0][0], 2


def kickoffs_csv(customers: Iterable[Customer], today: date, *, since: int) -> str:
    """Who of those that began within so many days had a kickoff, all but every third of the newest."""
    rows = (
        (customer.key, KICKOFF, today - timedelta(days=customer.begins - HELD_AFTER))
        for number, customer in enumerate(customers)
        if customer.begins <= since and (customer.begins > 30 or number % 3)
    )
    return table(("account", "milestone", "reached_on"), rows)

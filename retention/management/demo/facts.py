"""What the demo's reps promised, as the file that they import. Pure."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

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

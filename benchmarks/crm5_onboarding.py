"""crm5's accounts go through an onboarding plan; the product's days and states are counted again in plain Python.

The plan: the first lead within 7 days, the first list within 14, the first meeting within 21, five active people within
30; over after 90 days, stuck after 14. The second count reads the CSV by hand and shares neither code nor SQL with the
product. Run it on a database into which crm5 was imported:

    HOLDFAST_VAR=FOLDER python -m benchmarks.crm5_onboarding ../shared/data/crm5
"""

import csv
import gzip
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
NAME, LASTS, STUCK = "From the first lead to five people", 90, 14
EVENTS = (("First lead", "add_lead", 7), ("First list", "create_list", 14), ("First meeting", "meeting", 21))
PEOPLE, WITHIN = 5, 30
EXPECTED = [*(days for _name, _event, days in EVENTS), WITHIN]
BEGINS, REACH = date(2022, 1, 1), date(2023, 6, 30)
DAY = timedelta(days=1)


# --- the second count ------------------------------------------------------------------------------------------------


@dataclass
class Customer:
    """`terms` half-open; `firsts`: days of each of the three events; `people`: days on which each was active."""

    terms: list[tuple[date, date]] = field(default_factory=list)
    firsts: list[list[date]] = field(default_factory=lambda: [[], [], []])
    people: defaultdict[str, list[date]] = field(default_factory=lambda: defaultdict(list))

    @property
    def start(self) -> date:
        return min(begin for begin, _end in self.terms)

    def left(self, day: date) -> date | None:
        """The first day without a paid term, as far as it is known on the day."""
        through = min(day, REACH)
        last = max((end for begin, end in self.terms if begin <= through), default=None)
        return last if last is not None and last <= through else None

    def reached(self, run: date) -> list[date | None]:
        """The day of each milestone, from what happened between the start and whatever ends it."""
        left = self.left(run)
        until = min(self.last, run, left - DAY if left else run)
        within = [[day for day in days if self.start <= day <= until] for days in self.firsts]
        seen = sorted(
            min(days) for each in self.people.values() if (days := [d for d in each if self.start <= d <= until])
        )
        return [*(min(days, default=None) for days in within), seen[PEOPLE - 1] if len(seen) >= PEOPLE else None]

    @property
    def last(self) -> date:
        return self.start + LASTS * DAY

    def judged(self, day: date) -> date:
        """The day by which it is judged: none after its last one, nor after the account left."""
        left = self.left(day)
        return min(day, self.last, left - DAY if left else day)

    def known(self, days: list[date | None], day: date) -> list[date | None]:
        """Which milestones were reached by then, and when."""
        return [each if each and each <= self.judged(day) else None for each in days]

    def state(self, days: list[date | None], day: date) -> tuple[str, int]:
        """(state, how many are reached) at the end of a day."""
        left, last, judged, known = self.left(day), self.last, self.judged(day), self.known(days, day)
        count = sum(each is not None for each in known)
        if count == len(days):
            return "done", count
        if left and left <= last:
            return "left", count
        if day > last:
            return "over", count
        due = min(self.start + expected * DAY for expected, each in zip(EXPECTED, known, strict=True) if each is None)
        if judged <= due:
            return "on_track", count
        quiet = judged - max((each for each in known if each), default=due)
        return ("stuck" if min(judged - due, quiet) >= STUCK * DAY else "behind"), count


def customers(folder: Path) -> dict[str, Customer]:
    found: defaultdict[str, Customer] = defaultdict(Customer)
    with (folder / "subscriptions.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            term = date.fromisoformat(row["start_date"]), date.fromisoformat(row["end_date"])
            found[row["account_id"]].terms.append(term)
    place = {event: n for n, (_name, event, _days) in enumerate(EVENTS)}
    with gzip.open(folder / "events.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            day, of = date.fromisoformat(row["at"][:10]), found[row["account_id"]]
            if row["event"] in place:
                of.firsts[place[row["event"]]].append(day)
            if row["event"] != "unsub_lead":  # a lead that unsubscribes acts by itself
                of.people[row["user_id"]].append(day)
    return {account: each for account, each in found.items() if each.terms}


def days_looked_at() -> Iterator[date]:
    """Every nineteenth day, so that they fall on all days of the week and of the month, and the last one."""
    day = BEGINS
    while day < REACH:
        yield day
        day += 19 * DAY
    yield REACH


# --- the product -----------------------------------------------------------------------------------------------------


def follow() -> str:
    """Set the plan where it is not there yet, and let the product follow it as of the last day of the data."""
    from crm.audit.rules import System
    from crm.usage.models import EventName
    from retention.onboarding import actions
    from retention.onboarding.actions import Asked, Terms
    from retention.onboarding.models import OnboardingPlan

    at, by = datetime.combine(REACH, datetime.min.time(), UTC) + timedelta(hours=23), System("benchmark")
    if not OnboardingPlan.objects.filter(name=NAME).exists():
        features = {row.name: row.feature for row in EventName.objects.select_related("feature")}
        steps = [
            Asked(name, "first_use", days, features[event], is_value=event == "meeting") for name, event, days in EVENTS
        ]
        steps.append(Asked("Five active people", "people", WITHIN, amount=PEOPLE))
        actions.set_plan(name=NAME, plans=[], terms=Terms(BEGINS, LASTS, STUCK, steps), at=at, by=by)
    return actions.follow(at, at=at, by=by)


def differences(folder: Path) -> list[str]:
    """Each line names what was reached by an account on a day looked at, or its state then, that differs."""
    from crm.accounts.models import Account
    from retention.onboarding.queries import steps_on, stood_on

    names = dict(Account.objects.system("benchmark").values_list("external_id", "pk"))
    counted = customers(folder)
    days = {account: each.reached(REACH) for account, each in counted.items()}
    found = []
    states = Counter[str]()
    for day in days_looked_at():
        stood, steps = stood_on(day), defaultdict(list)
        for step in steps_on(day):
            steps[step.account_id].append(step.on)
        for account, each in counted.items():
            mine = (*each.state(days[account], day), each.known(days[account], day)) if each.start <= day else None
            product = stood.get(names[account])
            theirs = (product.state, product.reached, steps[names[account]]) if product else None
            states[mine[0] if mine else "not begun"] += 1
            if mine != theirs:
                found.append(f"{account} on {day}: {theirs}, counted {mine}")
    total = sum(sum(each is not None for each in reached) for reached in days.values())
    print(f"{len(days)} accounts, {total} milestones reached; account × day: {dict(states.most_common())}")
    return found


def report() -> None:
    """Where accounts stop, and how long they take, as the page has it."""
    from crm.staff.models import User
    from retention.onboarding.models import OnboardingPlan
    from retention.onboarding.queries import paths

    whole, *steps = paths(User(role="ops_admin"), OnboardingPlan.objects.get(name=NAME), day=REACH, reach=REACH)
    for step in (*steps, whole):
        curve, leaving = step.curve, step.leaving
        half = "" if curve is None else f"half by day {curve.median} (95 %: {curve.median_between})"
        print(f"  {step.name or 'all of them'}: {step.reached} of {step.began}, {half}; stop before it: {step.stopped}")
        if step.name:
            print(f"    left within 180 days of it being due: {_shares(leaving)}")


def _shares(leaving: Any) -> str:
    told = f"with {leaving.left_with} of {leaving.with_it}, without {leaving.left_without} of {leaving.without}"
    if not leaving.is_enough:
        return f"{told}: not enough data"
    found = leaving.difference
    return f"{told}: {found.low:+.1%} to {found.high:+.1%} more without"


def compare(folder: Path) -> int:
    """0 when the product and the second count agree."""
    began = time.monotonic()
    print(f"\nonboarding: {follow()} in {time.monotonic() - began:.1f} s")
    found = differences(folder)
    for line in found[:20]:
        print(line)
    print(f"{len(found)} differences in days and states")
    report()
    return 1 if found else 0


def main(folder: Path) -> int:
    import django

    django.setup()
    return compare(folder)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/crm5")))

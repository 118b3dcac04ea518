"""Every figure of a "why" is added up again from the rows that it links to, and they to the score."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction

from crm.accounts.actions import define_trait, set_trait
from crm.conversations import actions as talks
from crm.goals.actions import set_goal
from crm.promises.actions import make_promise
from crm.subscriptions.actions import record_payment
from crm.usage.actions import windows_of
from feedback.answers.models import Answer
from retention.backtests.actions import refuse_learned_later
from retention.backtests.rules import Leak
from retention.measures.actions import spare
from retention.measures.queries import KINDS, Windows, known_at
from retention.measures.rules import points
from retention.onboarding.models import Milestone, MilestoneReach, Onboarding, OnboardingPlan, OnboardingVersion
from retention.scorecards.models import ScorecardMeasure
from retention.scorecards.queries import edition
from retention.scorecards.rules import total
from retention.scores.actions import judge
from retention.scores.queries import why
from tests import factories
from tests.factories import NOW, TODAY
from tests.feedback import people
from tests.retention import usage_rows as rows

pytestmark = pytest.mark.django_db
DAY, BY = timedelta(days=1), rows.BY


def at(ago: int) -> Any:
    return rows.at(TODAY - ago * DAY, 5)


@pytest.fixture
def everything(db: None) -> Any:
    """An account of which every kind of measure has a reading, another of its kind merged into it, and a scorecard."""
    of: Any = factories.account("Nordwind", owner=factories.user("rep"), customer_since=TODAY - 400 * DAY)
    chat, calls, maps, spared = (factories.feature(is_key=True, name=name) for name in ("Chat", "Calls", "Maps", "Fax"))
    plan = factories.plan(chat, calls, maps, spared)
    line = factories.subscription(of, 300, plan=plan, seats=7, effective_on=TODAY - 400 * DAY).subscription
    factories.subscription(of, 90, seats=3, effective_on=TODAY - 10 * DAY)
    merged = factories.account(merged_into=of)
    used = rows.event(chat)
    for account, uses, ago in ((of, 40, 3), (merged, 9, 20), (of, 70, 40)):
        rows.used(account, used, uses, ago=ago)
    rows.used(of, rows.event(calls), 2, ago=2)
    calls.threshold = 5
    calls.save()
    spare(of, feature=spared, reason="They have none", at=at(5), by=of.owner)
    one = rows.person()
    for person, uses, ago in (
        (one, 3, 4),
        (rows.person(same_as=one), 2, 9),
        (rows.person(), 4, 6),
        (rows.person(), 8, 1),
    ):
        rows.person_used(of, person, uses, ago=ago)
    _book(of, line, chat)
    trait = define_trait(key="rooms", label="Rooms", type="number", unit="rooms", at=at(60), by=BY)
    set_trait(of, trait, Decimal(40), at=at(50), by=BY)
    set_trait(of, trait, Decimal(55), at=at(9), by=BY)
    limits: dict[str, Any] = {"red": 0, "green": 90}
    more = {"depth": {"threshold": 5}, "trait": {"trait": trait, **limits}, "reach": limits, "survey": limits}
    more["recency"] = more["contact"] = {"red": 28, "green": 1}
    fewer = {kind: {"red": 3, "green": 0} for kind, each in KINDS.items() if each.fewer and kind not in more}
    kinds = [{"kind": kind, "key": kind} | more.get(kind, {}) | fewer.get(kind, {}) for kind in KINDS]
    rows.version(*kinds, {"kind": "reach", "key": "priced", "per_price": True})
    rows.score()
    return of


def _book(of: Any, line: Any, chat: Any) -> None:
    plan = OnboardingPlan.objects.create(name="Standard", changed_at=NOW)
    terms = {"starts_from": TODAY - 90 * DAY, "lasts_days": 80, "stuck_days": 30, "recorded_at": at(90)}
    course = OnboardingVersion.objects.create(plan=plan, number=1, **terms)
    for n, days in enumerate((5, 10, 60), 1):
        step = Milestone.objects.create(
            version=course, position=n, key=f"m{n}", name=f"Step {n}", kind="hand", expected_days=days
        )
        if n == 1:
            MilestoneReach.objects.create(account=of, milestone=step, on=TODAY - 18 * DAY, recorded_at=at(18))
    for ago in (70, 20):  # begun a second time
        Onboarding.objects.create(account=of, version=course, started_on=TODAY - ago * DAY, recorded_at=at(ago))
    asked: dict[str, Any] = {"channel": "ticket", "text": "It broke.", "by": BY}
    talks.answer(talks.receive(of, **asked, at=at(6)), text="Mended.", at=at(5), by=BY)
    for ago in (12, 4):
        talks.receive(of, **asked, at=at(ago))
    for ago, due in ((9, 2), (9, 1), (9, -3)):
        make_promise(of, text="Soon", made_on=TODAY - ago * DAY, due_on=TODAY - due * DAY, at=at(ago), by=BY)
    for invoice, kind, ago in (("A", "failed", 5), ("A", "settled", 3), ("B", "disputed", 2)):
        record_payment(line, kind=kind, on=TODAY - ago * DAY, currency="EUR", invoice=invoice, at=at(ago), by=BY)
    for target, baseline in ((98, 0), (60, 40)):
        set_goal(
            of, words="Talk", feature=chat, baseline=Decimal(baseline), target=Decimal(target),
            due_on=TODAY + 40 * DAY, at=at(30), by=BY,
        )  # fmt: skip
    first, second = (factories.contact(of) for _ in range(2))
    for person, score, ago in ((first, 9, 100), (first, 4, 10), (second, 9, 20)):
        invited = people.invitation(people.survey(), person)
        Answer.objects.create(invitation=invited, account=of, contact=person, score=score, answered_at=at(ago))


def counted(page: Any) -> list[Any]:
    return [part for part in page["behind"].parts if part.counts]


def share(page: Any) -> Fraction:
    return Fraction(len(counted(page)), len(page["behind"].parts))


def by_day(page: Any) -> Fraction:
    """What the days of each feature come to."""
    return Fraction(sum(amount for part in page["behind"].parts for amount in part.days.values()))


def priced(page: Any) -> Fraction:
    """Per price of the window: each line's MRR for the days it was paid, as a mean over the window of 28 days."""
    paid = sum(line.mrr * (line.until_on - line.from_on).days for line in page["behind"].lines)
    return by_day(page) / (Fraction(paid) / 28)


def both_spoke(page: Any) -> int:
    """Days since they and we had both said something in one of the conversations."""
    ago = []
    for line in page["lines"]:
        entries = list(page.client.get(f"/conversations/{line.row.pk}/").context["entries"])
        theirs, ours = ([each.at for each in entries if each.inbound is side] for side in (True, False))
        if theirs and ours:
            ago.append((TODAY - min(max(theirs), max(ours)).date()).days)
    return int(min(ago))


def due(page: Any) -> Fraction:
    expected = [each.step for each in page["steps"] if each.step.due_on <= TODAY]
    return Fraction(sum(step.on is not None for step in expected), len(expected))


def at_work(page: Any) -> list[Any]:
    return [line for line in page["lines"] if line.row.state == "open"]


READD: dict[str, Callable[[Any], Any]] = {
    "breadth": share,
    "unused": lambda page: len(page["behind"].parts) - len(counted(page)),
    "depth": lambda page: len(counted(page)) / Fraction(sum(line.seats for line in page["behind"].lines if line.seats)),
    "reach": by_day,
    "priced": priced,
    "trend": lambda page: by_day(page) / Fraction(sum(part.before for part in page["behind"].parts)) - 1,
    "recency": lambda page: (TODAY - max(part.on for part in page["behind"].parts)).days,
    "survey": lambda page: Fraction(sum(part.value for part in counted(page))) / len(counted(page)),
    "trait": lambda page: counted(page)[0].value,
    "onboarding": due,
    "contact": both_spoke,
    "open_talks": lambda page: len(at_work(page)),
    "late_talks": lambda page: sum(line.row.due_at < rows.at(TODAY, 0) for line in at_work(page)),
    "promises": lambda page: sum(line.is_open and line.stands.due_on < TODAY for line in page["lines"]),
    "payments": lambda page: len(page["troubles"]),
    "goals": lambda page: Fraction(sum(goal.share for goal in page["goals"])) / len(page["goals"]),
}
EXPECTED: dict[str, Any] = {
    "breadth": Decimal(1) / 3, "unused": 2, "depth": Decimal("0.2"), "reach": 51, "trend": Decimal(51) / 70 - 1,
    "recency": 2, "survey": Decimal("6.5"), "trait": 55, "onboarding": Decimal("0.5"), "contact": 6, "open_talks": 2,
    "promises": 2, "payments": 1, "goals": (Decimal(49) / 98 + Decimal(9) / 20) / 2,
}  # fmt: skip


class Page:
    def __init__(self, client: Any, url: str) -> None:
        self.client, answer = client, client.get(url)
        assert answer.status_code == 200, url
        self.context = answer.context

    def __getitem__(self, name: str) -> Any:
        return self.context[name]


@time_machine.travel(NOW, tick=False)
def test_every_figure_adds_up_from_its_rows_and_the_score_from_them(everything: Any, as_user: Any) -> None:
    client, found = as_user(factories.user("ops_admin")), why(everything.pk)
    assert found is not None and {part.key for part in found.components} == READD.keys()
    meters, readings = Page(client, f"/accounts/{everything.pk}/")["meters"], rows.readings(everything)
    reading = {}
    for row, part, kept in zip(meters, found.components, readings, strict=True):
        worth = Fraction(READD[part.key](Page(client, row["url"])))
        reading[part.key] = round(Decimal(worth.numerator) / Decimal(worth.denominator), 9)
        assert kept == reading[part.key], part.key
    assert {key: reading[key] for key in EXPECTED} == {key: round(Decimal(of), 9) for key, of in EXPECTED.items()}
    card = edition(ScorecardMeasure.objects.filter(key="priced").get().version).card
    tenths = [points(measure, reading[measure.key]) for measure in card.measures]
    assert tenths == [part.points for part in found.components]
    assert found.points == total(card, tenths) == sum(part.contribution for part in found.components)


@time_machine.travel(NOW, tick=False)
def test_the_page_says_its_rows_in_words_masks_names_and_is_one_of_few_queries(
    everything: Any, as_user: Any, django_assert_max_num_queries: Any
) -> None:
    address = f"/accounts/{everything.pk}/why/"
    factories.installation(visibility="all")
    client = as_user(factories.user("read_only"))
    with django_assert_max_num_queries(30):
        page = client.get(f"{address}breadth/").content.decode()
    for words in ("1 of 3", "Calls", "does not count", "By day", "Usage from 24 Oct through 20 Nov"):
        assert words in page, words
    assert "Fax" not in page
    assert client.get(f"{address}promises/").url == f"/accounts/{everything.pk}/promises/"
    assert client.get(f"{address}nothing/").status_code == 404
    name = Answer.objects.system("test").order_by("pk")[0].contact.name
    assert name not in client.get(f"{address}survey/").content.decode()
    assert "EUR" in client.get(f"{address}priced/").content.decode()


def test_a_back_test_of_every_kind_finds_what_was_recorded_later_and_nothing_else(everything: Any) -> None:
    """The day as it was known at six, then after a row of each table turned out to be recorded an hour later."""
    held, day = edition(ScorecardMeasure.objects.filter(key="priced").get().version), TODAY
    windows = Windows("past_window_event", "past_window_person")
    windows_of(day, windows=frozenset({28}), events=windows.events, people=windows.people)
    judge(held, day, known=known_at(day), windows=windows)
    refuse_learned_later(held, day, windows=windows)
    tables = {table for kind in KINDS.values() for table in kind.recorded}
    for table, which in (
        ("crm_promisechange", "due_on < '2026-11-21'"), ("crm_payment", "invoice = 'B'"), ("crm_trait", "number = 55"),
        ("crm_goalchange", "target = 98"), ("crm_conversation", "began_at > '2026-11-16'"),
        ("retention_milestonereach", "TRUE"), ("retention_notneeded", "TRUE"),
        ("retention_onboarding", "started_on > '2026-10-01'"),
    ):  # fmt: skip
        tables.remove(table)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET recorded_at = '2026-11-21T07:00Z' WHERE {which}")
            with pytest.raises(Leak, match="recorded after that day"):
                refuse_learned_later(held, day, windows=windows)
            transaction.set_rollback(True)
    assert not tables, "each table that a kind reads was tried"

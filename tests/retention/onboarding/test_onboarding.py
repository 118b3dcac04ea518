"""Onboarding: who goes through which plan, which day shows a milestone reached, and how it stood on any day."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from crm.accounts.actions import merge_accounts
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.fills.actions import fill
from crm.lib import partitions
from crm.people.models import Person
from crm.usage.models import DirtyAccount, EventName, PersonDay, UsageDay
from retention.onboarding import actions, rules
from retention.onboarding.actions import Asked, Terms
from retention.onboarding.models import Milestone, MilestoneReach, Onboarding, OnboardingPlan
from retention.onboarding.queries import progress_on, steps_on, stood_on
from tests import factories

pytestmark = pytest.mark.django_db
START = date(2026, 9, 1)
TODAY = date(2026, 11, 18)
NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
BY = System("test")


def on(days: int) -> date:
    return START + timedelta(days=days)


def at(days: int) -> datetime:
    return datetime.combine(on(days), time(9), UTC)


# --- rules -----------------------------------------------------------------------------------------------------------

TERMS = rules.Terms(START, lasts_days=60, stuck_days=14)
STEPS = [rules.Step(7, on(3)), rules.Step(14), rules.Step(30, on(20))]


@pytest.mark.parametrize(
    ("day", "state", "reached", "expected", "met", "late", "next_place"),
    [
        (0, "on_track", 0, 0, 0, 0, 0),
        (3, "on_track", 1, 0, 0, 0, 1),
        (14, "on_track", 1, 1, 1, 0, 1),  # due today, and not overdue before tomorrow
        (15, "behind", 1, 2, 1, 1, 1),
        (27, "behind", 2, 2, 1, 13, 1),
        (33, "behind", 2, 3, 2, 19, 1),  # 19 days late, but something was reached 13 days ago
        (34, "stuck", 2, 3, 2, 20, 1),
        (60, "stuck", 2, 3, 2, 46, 1),
        (61, "over", 2, 3, 2, 46, 1),  # as on the last day, the 60th
    ],
)
def test_where_it_stands_follows_from_the_days(day, state, reached, expected, met, late, next_place):
    stands = rules.standing(TERMS, STEPS, on(day))
    seen_on = on(min(day, 60))
    # Two weeks after the 20th day, on which something was reached last.
    since = on(34) if state == "stuck" else None
    assert stands == rules.Standing(state, seen_on, reached, expected, met, late, next_place, since)


def test_it_ends_when_all_is_reached_and_freezes_where_they_left():
    whole = [rules.Step(7, on(3)), rules.Step(14, on(40))]
    assert rules.standing(TERMS, whole, on(39)).state == "stuck"  # 25 days late, and nothing for 36
    done = rules.standing(TERMS, whole, on(90))
    assert (done.state, done.progress, done.next) == ("done", 1.0, None)
    left = rules.standing(TERMS, whole, on(90), left_on=on(30))
    assert (left.state, left.seen_on, left.reached, left.progress) == ("left", on(29), 1, 0.5)
    assert rules.standing(TERMS, whole, on(29), left_on=on(30)).state == "stuck"
    assert rules.standing(TERMS, STEPS, on(90), left_on=on(61)).state == "over"  # it was over before they left
    assert rules.standing(TERMS, whole, on(-1)) is None
    assert rules.standing(TERMS, whole, on(5)).progress is None


def test_so_much_is_reached_in_all_or_within_a_window():
    days = [(on(0), 3), (on(27), 1), (on(28), 4), (on(29), 1)]
    assert rules.reached_on(days, 4) == on(27)
    assert rules.reached_on(days, 5, within=28) == on(28)  # days 1 to 28: 1 + 4
    assert rules.reached_on(days, 9) == on(29)
    assert rules.reached_on(days, 10) is None


# --- rows ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def lead() -> EventName:
    feature = factories.feature("leads", name="Leads", threshold=4)
    return EventName.objects.create(name="create_lead", feature=feature, first_seen_at=NOW, last_seen_at=NOW)


def four_steps(event: EventName, **more: Any) -> Terms:
    """First lead in a week, ten leads in three, two people in two, and a kickoff at once."""
    of: dict[str, Any] = {"feature": event.feature}
    steps = [
        Asked("Kickoff held", "hand", 2), Asked("First lead", "first_use", 7, is_value=True, **of),
        Asked("Two people", "people", 14, amount=2), Asked("Ten leads", "uses", 21, amount=10, **of),
    ]  # fmt: skip
    terms: dict[str, Any] = {"starts_from": START, "lasts_days": 60, "stuck_days": 14, "milestones": steps}
    return Terms(**terms | more)


def planned(terms: Terms, name: str = "Standard", days: int = 0, plans: Any = ()) -> OnboardingPlan:
    return actions.set_plan(name=name, plans=plans, terms=terms, at=at(days), by=BY)


def used(of: Any, event: EventName, day: date, uses: int, amount: int = 0) -> None:
    partitions.ensure_months("crm_usage_day", [day])
    UsageDay.objects.create(account=of, event=event, day=day, uses=uses, amount=amount * 1_000_000)


def seen(of: Any, who: str, day: date) -> None:
    partitions.ensure_months("crm_person_day", [day])
    source = factories.source() if not Person.objects.exists() else Person.objects.all()[0].source
    person, _new = Person.objects.get_or_create(
        source=source, external_id=who, defaults={"first_seen_at": NOW, "last_seen_at": NOW}
    )
    PersonDay.objects.create(account=of, person=person, day=day, uses=1)


def days_of(account: Any, day: date = TODAY, known: datetime | None = None) -> list[int | None]:
    """On which day after the start each milestone was reached."""
    steps = steps_on(day, known=known, accounts=[account.pk])
    return [None if step.on is None else (step.on - START).days for step in steps]


def test_usage_shows_what_was_reached_and_late_usage_moves_it_by_another_row(lead):
    account = factories.account(customer_since=START)
    merged = factories.account(customer_since=None, merged_into=account)
    planned(four_steps(lead))
    used(account, lead, on(-1), 50)  # before the start
    used(account, lead, on(5), 4)
    used(merged, lead, on(9), 6)
    seen(account, "a", on(5))
    seen(account, "a", on(6))
    seen(merged, "b", on(9))
    assert actions.follow(at(10), at=at(10), by=BY) == "1 accounts began, 3 milestones recorded"
    assert actions.follow(at(10), at=at(10), by=BY) == "0 accounts began, 0 milestones recorded"
    assert days_of(account) == [None, 5, 9, 9]
    stood = stood_on(on(9))[account.pk]
    assert (stood.reached, stood.next_name, stood.late, stood.state) == (3, "Kickoff held", 7, "behind")
    assert (stood.value_on, stood.value_days) == (on(5), 5)
    # What comes in late of an early day is another row; what was known before stays known as it was.
    used(account, lead, on(4), 6)
    actions.follow(at(12), at=at(12), by=BY)
    assert days_of(account) == [None, 4, 9, 5]
    assert days_of(account, known=at(11)) == [None, 5, 9, 9]
    assert [row.on for row in MilestoneReach.objects.system("test").filter(milestone__name="Ten leads")] == [
        on(9),
        on(5),
    ]
    assert stood_on(on(4), known=at(11))[account.pk].reached == 0
    # A day that is counted again without its events takes it back, by a row too.
    UsageDay.objects.filter(day=on(4)).delete()
    UsageDay.objects.filter(day=on(5)).delete()
    actions.follow(at(13), at=at(13), by=BY)
    assert days_of(account) == [None, 9, 9, None]
    assert AuditRow.objects.filter(action="onboarding.followed").count() == 3


def test_meaningful_use_is_the_features_own_threshold_within_28_days_and_amounts_count_where_the_feature_sums(lead):
    minutes = factories.feature("minutes", counts_amount=True, unit="minutes", threshold=60)
    talk = EventName.objects.create(name="talk", feature=minutes, first_seen_at=NOW, last_seen_at=NOW)
    account = factories.account(customer_since=START)
    steps = [
        Asked("First talk", "first_use", 5, minutes), Asked("Leads in use", "meaningful", 30, lead.feature),
        Asked("An hour", "uses", 30, minutes, amount=60), Asked("Talks in use", "meaningful", 40, minutes),
    ]  # fmt: skip
    planned(four_steps(lead, milestones=steps))
    lead.feature.threshold = 400  # from now on; the plan keeps what it was made with
    lead.feature.save()
    for day, uses in ((0, 3), (28, 3), (40, 1)):
        used(account, lead, on(day), uses)
    for day, amount in ((2, 30), (31, 30), (45, 30)):
        used(account, talk, on(day), 1, amount)
    actions.follow(NOW, at=NOW, by=BY)
    assert days_of(account) == [2, 40, 31, 45]


def test_which_plan_an_account_goes_through_and_that_a_change_rewrites_nothing(lead):
    pro, small = factories.plan(external_id="pro"), factories.plan(external_id="small")
    planned(four_steps(lead))
    touched = planned(four_steps(lead, starts_from=on(5)), "High touch", plans=[pro])
    before, early, late, other = (factories.account(customer_since=on(days)) for days in (-1, 1, 10, 10))
    for account, plan, day in ((before, pro, -1), (early, pro, 1), (late, pro, 10), (other, small, 12)):
        factories.subscription(account, plan=plan, effective_on=on(day))
    unknown = factories.account(customer_since=None)
    paying = factories.account(customer_since=None)
    factories.subscription(paying, plan=small, effective_on=on(12))

    def chosen() -> dict[int, tuple[str, int, int]]:
        return {
            pk: (stood.plan, (stood.started_on - START).days, stood.steps) for pk, stood in stood_on(on(20)).items()
        }

    actions.follow(at(20), at=at(20), by=BY)
    held = {
        early.pk: ("Standard", 1, 4), late.pk: ("High touch", 10, 4), other.pk: ("Standard", 10, 4),
        paying.pk: ("Standard", 12, 4),
    }  # fmt: skip
    assert chosen() == held and unknown.pk not in held
    # Fewer milestones from day 15 on, and for other customers: those who are in it stay, those who begin do not.
    shorter = Terms(on(15), 30, 7, four_steps(lead).milestones[:2])
    actions.change_plan(touched, name="High touch", plans=[small], terms=shorter, at=at(20), by=BY)
    newer = factories.account(customer_since=on(16))
    factories.subscription(newer, plan=small, effective_on=on(16))
    actions.follow(at(20), at=at(20), by=BY)
    assert chosen() == held | {newer.pk: ("High touch", 16, 2)}
    # What is known better of the start is another row; what was said by hand stays.
    late.customer_since = on(16)
    late.save()
    actions.begin(other, plan=touched, started_on=on(12), at=at(21), by=BY)
    other.customer_since = on(2)
    other.save()
    actions.follow(at(22), at=at(22), by=BY)
    assert chosen() == held | {
        newer.pk: ("High touch", 16, 2), late.pk: ("Standard", 16, 4), other.pk: ("High touch", 12, 4),
    }  # fmt: skip
    assert Onboarding.objects.system("test").filter(account=late).count() == 2
    assert stood_on(on(20), known=at(20))[late.pk].plan == "High touch"
    actions.retire_plan(touched, at=at(22), by=BY)
    with pytest.raises(ValidationError, match="no more accounts"):
        actions.begin(early, plan=touched, at=at(22), by=BY)


def test_what_is_said_by_hand_is_taken_back_by_a_row_and_known_in_another_edition(lead):
    mina = factories.user("rep")
    account = factories.account(customer_since=START, owner=mina)
    plan = planned(four_steps(lead))
    actions.follow(at(3), at=at(3), by=BY)
    kickoff, first, *_others = Milestone.objects.order_by("position")
    actions.reach(account, kickoff, at=at(4), by=mina)
    for wrong, given, words in (
        (first, {}, "Usage shows"), (kickoff, {}, "reached already"), (kickoff, {"on": on(5)}, "through today"),
        (kickoff, {"on": on(-1)}, "through today"),
    ):  # fmt: skip
        with pytest.raises(ValidationError, match=words):
            actions.reach(account, wrong, at=at(4), by=mina, **given)
    actions.take_back(account, kickoff, at=at(6), by=mina)
    with pytest.raises(ValidationError, match="Nobody said"):
        actions.take_back(account, kickoff, at=at(6), by=mina)
    assert (days_of(account), days_of(account, known=at(5))) == ([None] * 4, [4, None, None, None])
    actions.reach(account, kickoff, on=on(2), at=at(7), by=mina)
    with pytest.raises(PermissionDenied):
        actions.take_back(account, kickoff, at=at(7), by=factories.user("rep"))
    steps = [Asked("Kickoff", "hand", 1, key=kickoff.key), Asked("Two people", "people", 3, amount=2)]
    terms = Terms(START, 60, 14, steps)
    actions.change_plan(plan, name="Standard", plans=[], terms=terms, at=at(8), by=factories.user("ops_admin"))
    assert days_of(account) == [2, None, None, None]
    with pytest.raises(ValidationError, match="does not go through"):
        actions.reach(account, Milestone.objects.get(name="Kickoff"), at=at(8), by=mina)
    actions.begin(account, plan=plan, at=at(8), by=mina)
    assert days_of(account) == [2, None]
    codes = AuditRow.objects.filter(action__regex=r"^(onboarding|milestone)").order_by("pk")
    assert list(codes.values_list("action", flat=True)) == [
        "onboarding_plan.set", "milestone.reached", "milestone.taken_back", "milestone.reached",
        "onboarding_plan.changed", "onboarding.begun",
    ]  # fmt: skip


def test_what_is_refused_of_a_plan(lead):
    of: dict[str, Any] = {"feature": lead.feature}
    fine = Asked("Lead", "first_use", 7, **of)
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"milestones": []}, "milestones", "between 1 and 12"),
        ({"milestones": [fine] * 13}, "milestones", "between 1 and 12"),
        ({"milestones": [Asked(" ", "hand", 7)]}, "milestones", "a name"),
        ({"milestones": [Asked("x", "hand", 61)]}, "milestones", "is over"),
        ({"milestones": [Asked("x", "wish", 7)]}, "milestones", "by what"),
        ({"milestones": [Asked("x", "uses", 7, amount=3)]}, "milestones", "Choose the feature"),
        ({"milestones": [Asked("x", "uses", 7, **of)]}, "milestones", "how much"),
        ({"milestones": [Asked("x", "hand", 7, **of)]}, "milestones", "not about one feature"),
        ({"milestones": [Asked("x", "hand", 7, amount=2)]}, "milestones", "takes no amount"),
        ({"milestones": [Asked(n, "hand", 7, is_value=True) for n in "xy"]}, "milestones", "Only one"),
        ({"lasts_days": 366}, "lasts_days", "between 1 and 365"), ({"stuck_days": 0}, "stuck_days", "from 1"),
        ({"starts_from": date(1999, 1, 1)}, "starts_from", "within a year"),
    ]  # fmt: skip
    for given, field, words in wrong:
        with pytest.raises(ValidationError, match=words) as refused:
            planned(four_steps(lead, **given))
        assert list(refused.value.message_dict) == [field]
    planned(four_steps(lead))
    with pytest.raises(ValidationError, match="has this name"):
        planned(four_steps(lead), "STANDARD")
    with pytest.raises(PermissionDenied):
        actions.set_plan(name="x", plans=[], terms=four_steps(lead), at=NOW, by=factories.user("manager"))
    two = Terms(START, 60, 14, [Asked("Same", "hand", 1), Asked("Same", "hand", 2)])
    assert list(
        Milestone.objects.filter(version__plan=planned(two, "Twice")).order_by("position").values_list("key", flat=True)
    ) == ["same", "same-2"]


def test_the_statement_stands_as_the_rules_say_on_every_day(lead):
    """Forty accounts drawn at random, each judged on eleven days in SQL and in Python."""
    drawn = Random(5)
    planned(four_steps(lead))
    kept: dict[int, tuple[list[int | None], date | None]] = {}
    for _n in range(40):
        account = factories.account(customer_since=START)
        days = [drawn.choice([None, *range(70)]) for _step in range(4)]
        left_on = on(drawn.randrange(1, 80)) if drawn.random() < 0.5 else None
        factories.subscription(account, effective_on=START, ends_on=left_on)
        kept[account.pk] = (days, left_on)
    factories.installation(paid_through=on(100))
    actions.follow(at(0), at=at(0), by=BY)
    steps = list(Milestone.objects.order_by("position"))
    for pk, (days, _left_on) in kept.items():
        for step, day in zip(steps, days, strict=True):
            MilestoneReach.objects.create(
                account_id=pk, milestone=step, on=None if day is None else on(day), recorded_at=NOW
            )
    states = set()
    for day in range(0, 100, 9):
        stood, progress = stood_on(on(day)), progress_on(on(day))
        for pk, (days, left_on) in kept.items():
            known = [
                rules.Step(step.expected_days, None if d is None else on(d))
                for step, d in zip(steps, days, strict=True)
            ]
            expected = rules.standing(TERMS, known, on(day), left_on)
            found = stood[pk]
            place = next((n for n, step in enumerate(steps) if step.pk == found.next_id), None)
            assert expected == rules.Standing(
                found.state,
                found.seen_on,
                found.reached,
                found.expected,
                found.met,
                found.late,
                place,
                found.stuck_since,
            )
            states.add(found.state)
            share = (
                Decimal(1)
                if expected.state == "done"
                else expected.expected and Decimal(expected.met) / expected.expected
            )
            assert progress.get(pk, 0) == pytest.approx(share) and (pk in progress) == bool(expected.expected or share)
    assert states == {"on_track", "behind", "stuck", "done", "over", "left"}


def test_within_a_day_only_changed_accounts_are_looked_at_and_the_next_day_heals_what_was_missed(lead):
    """The stage as the pipeline runs it; changed is what carries a mark or whose book was recorded since."""
    marked, missed = (factories.account(customer_since=START, created_at=at(0)) for _n in range(2))
    planned(four_steps(lead))

    def run(days: int, hour: int) -> str:
        instant = at(days) + timedelta(hours=hour)
        return fill(
            actions.STAGE, lambda through: actions.follow(through, at=through, by=BY), through=instant, at=instant
        )

    assert run(1, 0).startswith("2 accounts began, 0 milestones")
    for account in (marked, missed):
        used(account, lead, on(1), 1)
    DirtyAccount.objects.create(account=marked, mark=1)
    later = factories.account(customer_since=on(1), created_at=at(1) + timedelta(hours=2))
    assert run(1, 2) == "1 accounts began, 1 milestones recorded"
    assert stood_on(on(1))[later.pk].state == "on_track" and DirtyAccount.objects.exists()
    assert (days_of(marked)[1], days_of(missed)[1]) == (1, None)
    assert run(2, 0) == "0 accounts began, 1 milestones recorded"
    assert days_of(missed)[1] == 1


def test_a_merged_account_has_none_of_its_own(lead):
    account, other = factories.account(customer_since=START), factories.account(customer_since=START)
    planned(four_steps(lead))
    actions.follow(at(1), at=at(1), by=BY)
    assert stood_on(on(1)).keys() == {account.pk, other.pk}
    merge_accounts(other, into=account, at=at(2), by=BY)
    assert stood_on(on(1)).keys() == {account.pk}

"""What comes along with the account that a page is about, in one query; and who sees it at all."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import Http404

from crm.accounts import actions
from retention.forecasts.models import Forecast
from retention.pages.seen import TASKS, seen_account
from retention.tasks.actions import create_task
from tests import factories
from tests.retention.pages.desk import NOW, TODAY

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def seen(by: Any, account: Any) -> Any:
    return seen_account(SimpleNamespace(user=factories.asking(by, NOW), now=NOW), account.pk)  # type: ignore[arg-type]  # what it reads of a request


def test_nothing_known_is_empty_and_the_owner_is_there_with_one_query(django_assert_num_queries):
    mina = factories.user("rep", name="Mina Kwon", team=factories.team("North"))
    account = factories.account("Nordwind", owner=mina)
    request: Any = SimpleNamespace(user=factories.asking(mina, NOW), now=NOW)
    seen_account(request, account.pk)  # the settings are read, and the scope is known from here on
    with django_assert_num_queries(1):
        found = seen_account(request, account.pk)
        assert (found.name, found.owner.name, found.owner.team_id, found.pool) == (
            "Nordwind", "Mina Kwon", mina.team_id, None,
        )  # fmt: skip
    assert (found.stand_ins, found.traits, found.tasks, found.draft) == ([], [], [], None)
    assert (found.change, found.outlook, found.above, found.taken_over) == (None, None, None, False)
    assert found.owner.email == mina.email  # read when it is asked for


def test_an_account_of_another_team_is_not_there_and_a_parent_of_another_team_has_no_name(ops):
    north, south = factories.team("North"), factories.team("South")
    mina, tom = factories.user("rep", team=north), factories.user("rep", team=south)
    group = factories.account("Group", owner=tom)
    part = factories.account("Part", pool=north, parent=group)
    with pytest.raises(Http404):
        seen(mina, group)
    assert (seen(mina, part).above, seen(mina, part).pool.name) == (None, "North")
    assert seen(ops, part).above == "Group"


def test_traits_come_by_label_as_they_hold_and_none_of_an_earlier_type(ops):
    account = factories.account(owner=factories.user("rep"))
    rooms = actions.define_trait(key="rooms", label="Rooms", type="text", at=NOW - 9 * DAY, by=ops)
    actions.set_trait(account, rooms, "many", at=NOW - 8 * DAY, by=ops)
    fleet = actions.define_trait(key="fleet", label="Fleet", type="number", unit="lorries", at=NOW - 9 * DAY, by=ops)
    for value, back in ((12, 5), (14, 3), (99, -1)):
        actions.set_trait(account, fleet, value, at=NOW - back * DAY, by=ops)
    signed = actions.define_trait(key="signed", label="Signed", type="flag", at=NOW - 9 * DAY, by=ops)
    actions.set_trait(account, signed, True, at=NOW - 2 * DAY, by=ops)
    since = actions.define_trait(key="since", label="Anniversary", type="date", at=NOW - 9 * DAY, by=ops)
    actions.set_trait(account, since, "2025-03-01", at=NOW - 2 * DAY, by=ops)

    def held() -> list[tuple[Any, ...]]:
        return [
            (row["label"], row["number"], row["text"], row["flag"], row["day"]) for row in seen(ops, account).traits
        ]

    others = [("Fleet", 14, None, None, None), ("Rooms", None, "many", None, None), ("Signed", None, None, True, None)]
    assert held() == [("Anniversary", None, None, None, "2025-03-01"), *others]
    actions.change_trait(rooms, label="Rooms", type="number", unit="", at=NOW - DAY, by=ops)
    assert held() == [("Anniversary", None, None, None, "2025-03-01"), others[0], others[2]]


def test_tasks_of_merged_accounts_belong_to_it_and_only_the_first_dozen_come(ops):
    mina = factories.user("rep", team=factories.team())
    account, other = (factories.account(owner=mina) for _ in range(2))
    create_task(other, title="From the other one", due_on=TODAY - DAY, at=NOW, by=mina)
    for n in range(TASKS):
        create_task(account, title=f"Task {n}", due_on=TODAY + n * DAY, at=NOW, by=mina)
    other.merged_into = account
    other.save()
    found = seen(mina, account).tasks
    assert [task["title"] for task in found] == ["From the other one", *(f"Task {n}" for n in range(TASKS - 1))]
    assert {task["assignee_id"] for task in found} <= {None, mina.pk}


def test_the_newest_forecast_of_the_nearest_renewal_is_the_outlook(ops):
    account = factories.account(owner=factories.user("rep"))
    for days, category in ((-3, "leaves"), (40, "leaves"), (10, "at_risk"), (10, "renews")):
        Forecast.objects.create(
            account=account, renews_on=TODAY + days * DAY, category=category, currency="EUR", at=NOW, by=ops
        )
    assert seen(ops, account).outlook == "renews"


def test_who_covers_the_owner_is_named_with_the_day_in_the_owners_zone():
    team = factories.team()
    mina = factories.user("rep", team=team, time_zone="Asia/Seoul")
    tom, eva = factories.user("rep", name="Tom", team=team), factories.user("rep", name="Eva", team=team)
    open_one, restricted = factories.account(owner=mina), factories.account(owner=mina, restricted=True)
    # 20:00 UTC is the next day in Seoul.
    until = NOW.replace(hour=20) + 2 * DAY
    factories.cover(tom, mina, from_at=NOW - DAY, until_at=until)
    factories.cover(eva, mina, from_at=NOW - DAY, until_at=until + DAY, restricted=True)
    factories.cover(eva, mina, from_at=NOW + DAY, until_at=until + 9 * DAY)
    days = [str((until + n * DAY).date()) for n in (1, 2)]
    assert seen(mina, open_one).stand_ins == [["Tom", days[0]], ["Eva", days[1]]]
    assert seen(mina, restricted).stand_ins == [["Eva", days[1]]]

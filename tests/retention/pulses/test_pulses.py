"""Pulses: beside the score, never in it; as they stood on any day; in two taps, in lists, and from files."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse

from crm.accounts.actions import merge_accounts
from crm.staff.models import User
from retention.pulses import actions
from retention.pulses.models import Pulse
from retention.pulses.queries import pulses_on
from tests import factories
from tests.retention.pages.desk import NOW, TODAY, judged, signed_in

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def mina() -> User:
    return factories.user("rep", name="Mina Kwon", team=factories.team("Europe"))


def say(account: Any, value: int, ago: int, by: User, **more: Any) -> Pulse:
    more = {"reason": f"It feels like {value}."} | more
    return actions.record_pulse(account, value=value, at=NOW - ago * DAY, by=by, **more)


def held(day: date, **more: Any) -> list[tuple[int, bool]]:
    return [(row.value, row.counts(day)) for row in pulses_on(day, **more).values()]


def test_on_any_day_the_last_pulse_by_then_stands_and_ninety_days_later_it_no_longer_counts(mina) -> None:
    account = factories.account(owner=mina)
    say(account, 4, 100, mina)
    say(account, 2, 5, mina)
    days = {ago: held(TODAY - ago * DAY) for ago in (101, 100, 11, 10, 5, 0)}
    assert days == {101: [], 100: [(4, True)], 11: [(4, True)], 10: [(4, False)], 5: [(2, True)], 0: [(2, True)]}
    # Told by file today, for a day that had gone: known then as it was told then.
    pulse = {"line": 2, "account_id": account.pk, "value": 1, "reason": "Late.", "on": TODAY - 3 * DAY}
    actions.import_pulses([pulse], NOW)
    assert (held(TODAY - 3 * DAY), held(TODAY - 3 * DAY, known=NOW - DAY)) == ([(1, True)], [(2, True)])
    assert actions.import_pulses([pulse], NOW + DAY) == []
    factories.installation(pulse_days=7)
    assert say(account, 5, 0, mina).valid_until == TODAY + 6 * DAY


def test_a_pulse_is_1_to_5_has_a_reason_and_is_written_by_whoever_writes_the_account(mina) -> None:
    account = factories.account(owner=mina)
    for wrong in ({"value": 6}, {"value": 3, "reason": " "}, {"value": 3, "valid_until": TODAY - DAY}):
        with pytest.raises(ValidationError):
            say(account, **{"ago": 0, "by": mina} | wrong)
    for other in (factories.user("rep", team=factories.team("Asia")), factories.user("read_only", team=mina.team)):
        with pytest.raises(PermissionDenied):
            say(account, 3, 0, other)
    assert Pulse.objects.system("test").count() == 0


def test_taking_back_appends_what_held_before_and_an_older_one_is_not_taken_back(mina) -> None:
    account = factories.account(owner=mina)
    first = say(account, 4, 9, mina)
    second = say(account, 2, 0, mina)
    assert not actions.take_back(first, at=NOW, by=mina)
    assert actions.take_back(second, at=NOW, by=mina)
    assert held(TODAY) == [(4, True)]
    assert not actions.take_back(second, at=NOW, by=mina)
    stood = [row.valid_until for row in Pulse.objects.system("test").order_by("pk")]
    assert stood == [TODAY + 80 * DAY, TODAY + 89 * DAY, TODAY + 80 * DAY]
    alone = say(factories.account(owner=mina), 1, 0, mina)
    assert actions.take_back(alone, at=NOW, by=mina) and held(TODAY) == [(4, True)]


def test_of_accounts_merged_into_one_the_newest_stands(mina) -> None:
    stays, goes = factories.account(owner=mina), factories.account(owner=mina)
    say(stays, 4, 9, mina)
    say(goes, 2, 5, mina)
    merge_accounts(goes, into=stays, at=NOW - DAY, by=factories.user("ops_admin"))
    assert [(row.account_id, row.value) for row in pulses_on(TODAY, accounts=[stays.pk]).values()] == [(stays.pk, 2)]


def test_two_taps_note_it_beside_the_score_which_stays_as_it_was(mina, time_machine) -> None:
    time_machine.move_to(NOW, tick=False)
    account = factories.account("Nordwind", owner=mina)
    judged(account, 460)
    client, url = signed_in(mina), reverse("pulse-new", args=[account.pk])
    form = client.get(url, headers={"HX-Request": "true"}).content.decode()
    assert form.count('type="radio"') == 5
    assert "This field is required." in client.post(url, {"value": "2", "reason": ""}).content.decode()
    client.post(url, {"value": "2", "reason": "Their planner has left."})
    page = client.get(reverse("account", args=[account.pk]))
    assert page.context["score"]["points"] == 460
    text = page.content.decode()
    assert "Pulse 2 of 5" in text and "“Their planner has left.”" in text and "Mina Kwon, today" in text
    time_machine.move_to(NOW + 90 * DAY, tick=False)
    assert "ask yourself anew" in signed_in(mina).get(reverse("account", args=[account.pk])).content.decode()


def test_the_portfolio_shows_sorts_and_filters_by_the_pulse_that_counts(mina, time_machine) -> None:
    time_machine.move_to(NOW, tick=False)
    for name, value, ago in (("Good", 5, 1), ("Bad", 1, 1), ("Old", 1, 90), ("Silent", 0, 0)):
        account = factories.account(name, owner=mina)
        if value:
            say(account, value, ago, mina)
    client = signed_in(mina)

    def listed(**query: str) -> list[tuple[str, int | None]]:
        rows = client.get(reverse("portfolio"), query | {"columns": "pulse"}).context["page"].rows
        return [(row.name, row.pulse) for row in rows]

    assert listed(sort="pulse,name") == [("Bad", 1), ("Good", 5), ("Old", None), ("Silent", None)]
    assert listed(where="pulse.under.3") == [("Bad", 1)]

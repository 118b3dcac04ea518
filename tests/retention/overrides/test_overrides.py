"""Overrides: a band set by hand holds beside the computed score, survives its recalculation and ends by itself."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse

from retention.overrides import actions
from retention.overrides.models import Override
from retention.overrides.queries import overrides_on
from retention.scores.models import Band, HealthScore
from retention.scores.queries import points_on
from tests import factories
from tests.factories import TODAY
from tests.retention import usage_rows as rows
from tests.retention.pages.desk import judged, signed_in
from tests.retention.scores.test_current import AT, REACH, customers, now, roll, update

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def set_by_hand(account: Any, **more: Any) -> Override:
    given: dict[str, Any] = {"band": Band.STEADY, "reason": "They renewed by phone.", "until": TODAY + DAY, "at": AT}
    return actions.set_override(account, **given | more)


def test_it_survives_recalculation_the_ledger_keeps_what_was_computed_and_it_ends_by_itself() -> None:
    from retention.scores.actions import score_due

    ops = factories.user("ops_admin")
    (account,) = customers(10)
    rows.version(REACH)
    roll()
    update()
    assert (now(account).band, now(account).computed_band) == (Band.LEAVING, None)
    set_by_hand(account, by=ops)
    update(AT + timedelta(minutes=20))
    assert (now(account).points, now(account).band, now(account).computed_band) == (100, Band.STEADY, Band.LEAVING)
    rows.used(account, rows.event(factories.feature()), 0, ago=1)
    score_due(AT + timedelta(minutes=30), at=AT, by=rows.BY)
    assert points_on(TODAY) == [(account.pk, 100, Band.LEAVING)] and HealthScore.objects.system("test").count() == 1
    for days, band in ((1, Band.STEADY), (2, Band.LEAVING)):
        later = AT + days * DAY
        roll(later)
        update(later)
        assert (days, now(account).band) == (days, band)
    assert now(account).computed_band is None
    on = {ago: [row.band for row in overrides_on(TODAY + ago * DAY).values()] for ago in (-1, 0, 1, 2)}
    assert on == {-1: [], 0: [Band.STEADY], 1: [Band.STEADY], 2: []}


def test_it_needs_a_reason_an_end_and_the_right_to_write_and_ends_when_told_to() -> None:
    mina = factories.user("rep", team=factories.team())
    account = factories.account(owner=mina)
    for wrong in ({"reason": " "}, {"until": TODAY - DAY}, {"until": TODAY + 400 * DAY}, {"band": Band.UNKNOWN}):
        with pytest.raises(ValidationError):
            set_by_hand(account, by=mina, **wrong)
    for other in (factories.user("rep", team=factories.team("Asia")), factories.user("read_only", team=mina.team)):
        with pytest.raises(PermissionDenied):
            set_by_hand(account, by=other)
    assert not actions.end_override(account, at=AT, by=mina)
    set_by_hand(account, by=mina)
    assert actions.end_override(account, at=AT, by=mina)
    assert overrides_on(TODAY) == {} and len(overrides_on(TODAY, known=AT - DAY)) == 0


def test_undo_brings_back_what_held_before_where_it_still_would_and_an_older_one_is_not_taken_back(
    time_machine,
) -> None:
    time_machine.move_to(AT, tick=False)
    mina = factories.user("rep", name="Mina Kwon", team=factories.team())
    account = factories.account(owner=mina)
    short = actions.set_override(
        account, band=Band.THRIVING, reason="A pilot went well.", until=TODAY, at=AT - DAY, by=mina
    )
    long = set_by_hand(account, until=TODAY + 9 * DAY, by=mina)
    last = set_by_hand(account, band=Band.LEAVING, reason="They wrote so.", by=factories.user("ops_admin"))
    assert not actions.take_back(long, at=AT, by=mina)
    with pytest.raises(PermissionDenied):
        actions.take_back(last, at=AT, by=factories.user("read_only", team=mina.team))
    client = signed_in(mina)
    client.post(reverse("override-undo", args=[last.pk]))
    (held,) = overrides_on(TODAY).values()
    assert (held.band, held.reason, held.until, held.who) == (
        Band.STEADY,
        "They renewed by phone.",
        TODAY + 9 * DAY,
        "Mina Kwon",
    )
    assert not actions.take_back(last, at=AT, by=mina)
    # What held until yesterday does not hold again.
    other = factories.account(owner=mina)
    for row in (short, long):
        Override.objects.system("test").filter(pk=row.pk).update(account=other)
    moved = Override.objects.system("test").get(pk=long.pk)
    assert actions.take_back(moved, at=AT + DAY, by=mina)
    assert overrides_on(TODAY + DAY, accounts=[other.pk]) == {}


def test_pages_show_the_band_that_holds_with_its_mark_and_the_computed_one_in_words(time_machine) -> None:
    time_machine.move_to(AT, tick=False)
    mina = factories.user("rep", name="Mina Kwon", team=factories.team())
    account = factories.account("Nordwind", owner=mina)
    row = judged(account, 460)
    set_by_hand(account, by=mina)
    type(row).objects.system("test").filter(pk=row.pk).update(band=Band.STEADY, computed_band=Band.AT_RISK)
    client = signed_in(mina)
    pages = {
        "account": reverse("account", args=[account.pk]),
        "portfolio": reverse("portfolio", query={"band": "steady"}),
    }
    pages |= {"search": reverse("search", query={"q": "nord"})}
    for name, url in pages.items():
        page = client.get(url).content.decode()
        assert "set by hand, computed: at risk" in page, name
    assert "“They renewed by phone.”" in client.get(pages["account"]).content.decode()
    assert not client.get(reverse("portfolio", query={"band": "at_risk"})).context["page"].rows
    client.post(reverse("override-end", args=[account.pk]))
    assert "set by hand, computed" not in client.get(pages["account"]).content.decode()

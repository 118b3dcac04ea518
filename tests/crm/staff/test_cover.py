"""Whoever stands in sees and changes a book while it lasts, and no longer."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError

from crm.accounts.actions import change_owner, may_write, set_next_step
from crm.accounts.models import Account
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.staff.actions import arrange_cover, end_cover
from crm.staff.models import Cover
from tests.factories import NOW, TODAY, account, asking, cover, installation, team, user

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def names(person, at=NOW):
    rows = Account.objects.visible_to(asking(person, at)).order_by("name")
    return list(rows.values_list("name", flat=True))


@pytest.fixture
def north():
    return team("North")


@pytest.fixture
def lena(north):
    return user(name="Lena Brandt", team=north, time_zone="Asia/Seoul")


@pytest.fixture
def mina(north):
    return user(name="Mina Kwon", team=north)


@pytest.fixture
def book(lena, mina, north):
    installation(visibility="own")
    account("Hers", owner=lena)
    account("Hers alone", owner=lena, restricted=True)
    account("Mine", owner=mina)
    account("Shared", pool=north)


def test_a_cover_begins_and_ends_with_its_instants(book, mina, lena):
    cover(mina, lena, from_at=NOW, until_at=NOW + DAY)
    assert names(mina, NOW - HOUR / 60) == ["Mine"]
    assert names(mina, NOW) == ["Hers", "Mine"]
    assert names(mina, NOW + DAY - HOUR / 60) == ["Hers", "Mine"]
    assert names(mina, NOW + DAY) == ["Mine"]
    assert names(lena) == ["Hers", "Hers alone"]  # who is away loses nothing


def test_without_an_instant_there_is_no_cover(book, mina, lena):
    cover(mina, lena)
    assert list(Account.objects.visible_to(mina).values_list("name", flat=True)) == ["Mine"]


def test_restricted_accounts_come_along_only_where_that_was_said(book, mina, lena):
    cover(mina, lena, restricted=True)
    assert names(mina) == ["Hers", "Hers alone", "Mine"]


def test_a_pool_is_covered_as_well(book, mina, north):
    far = user("rep")
    cover(far, north)
    assert names(far) == ["Shared"]
    assert may_write(Account.objects.system("test").get(name="Shared"), by=asking(far))


def test_who_covers_changes_the_accounts_but_gives_none_away(as_user, book, mina, lena):
    cover(mina, lena)
    hers = Account.objects.system("test").get(name="Hers")
    set_next_step(hers, text="Call them", on=TODAY, at=NOW, by=asking(mina))
    with pytest.raises(PermissionDenied):
        set_next_step(hers, text="Call them", on=TODAY, at=NOW, by=asking(mina, NOW + 30 * DAY))
    with pytest.raises(PermissionDenied):
        change_owner(hers, owner=mina, at=NOW, by=asking(mina))


def test_cover_is_not_handed_on(book, mina, lena):
    far = user("rep")
    cover(mina, lena)
    cover(far, mina)
    assert names(far) == ["Mine"]


def test_days_begin_at_midnight_where_the_one_away_lives(mina, lena):
    row = arrange_cover(
        covering=mina, covered=lena, from_on=date(2026, 12, 1), until_on=date(2026, 12, 3), at=NOW, by=lena
    )
    assert row.from_at == datetime(2026, 11, 30, 15, tzinfo=UTC)  # 00:00 in Seoul
    assert row.until_at == datetime(2026, 12, 2, 15, tzinfo=UTC)
    record = AuditRow.objects.get(action="cover.arranged")
    assert (record.actor_label, record.after["covering"], record.after["covered"]) == ("Lena Brandt", mina.pk, lena.pk)


def test_nothing_begins_in_the_past(mina, lena):
    row = arrange_cover(covering=mina, covered=lena, from_on=TODAY, until_on=TODAY + 2 * DAY, at=NOW, by=lena)
    assert row.from_at == NOW


def arranged(by, covering, covered=None, pool=None, days=3, **more):
    return arrange_cover(
        covering=covering, covered=covered, pool=pool, from_on=TODAY + DAY, until_on=TODAY + (days + 1) * DAY,
        at=NOW, by=by, **more,
    )  # fmt: skip


def test_ops_the_teams_manager_and_the_one_away_arrange_it(mina, lena, north):
    boss, ops = user("manager", team=north), user("ops_admin")
    for by in (boss, ops, lena, System("test")):
        Cover.objects.all().delete()
        arranged(by, mina, lena)
    arranged(boss, mina, pool=north)
    for by in (mina, user("manager", team=team()), user("system_admin"), user("read_only", team=north), user("rep")):
        with pytest.raises(PermissionDenied):
            arranged(by, user("rep", team=north), lena)
    with pytest.raises(PermissionDenied):  # of another team: ops only
        arranged(lena, user("rep"), lena)
    with pytest.raises(PermissionDenied):
        arranged(lena, mina, pool=north)


def test_only_ops_and_the_one_away_include_restricted_accounts(mina, lena, north):
    with pytest.raises(ValidationError):
        arranged(user("manager", team=north), mina, lena, restricted=True)
    assert arranged(lena, mina, lena, restricted=True).restricted
    assert arranged(user("ops_admin"), user("rep", team=north), lena, restricted=True).restricted


@pytest.mark.parametrize("days", [0, -1, 367])
def test_days_must_make_sense(mina, lena, days):
    with pytest.raises(ValidationError) as refused:
        arranged(lena, mina, lena, days=days)
    assert set(refused.value.error_dict) == {"until_on"}


def test_the_same_cover_is_arranged_once(mina, lena):
    arranged(lena, mina, lena)
    for covering in (mina, lena, user("read_only", team=mina.team), user("rep", team=mina.team, is_active=False)):
        with pytest.raises(ValidationError) as refused:
            arranged(lena, covering, lena)
        assert set(refused.value.error_dict) == {"covering"}


def test_it_can_be_ended_early_or_called_off(mina, lena, north):
    row = cover(mina, lena)
    with pytest.raises(PermissionDenied):
        end_cover(row, at=NOW, by=user("rep", team=north))
    assert end_cover(row, at=NOW, by=mina)  # who covers may give it up
    assert not end_cover(row, at=NOW + HOUR, by=lena)
    coming = cover(mina, lena, from_at=NOW + DAY, until_at=NOW + 2 * DAY)
    assert end_cover(coming, at=NOW, by=lena)
    coming.refresh_from_db()
    assert coming.until_at == coming.from_at
    assert names(mina, NOW + 1.5 * DAY) == []


@time_machine.travel(NOW)
def test_the_page_lists_arranges_and_ends(as_user, mina, lena, north, django_assert_num_queries):
    mine = as_user(lena)
    page = mine.get("/settings/cover/").content.decode()
    assert "Nobody is covered" in page
    sent = {"away": f"user-{lena.pk}", "covering": mina.pk, "from_on": "2026-11-24", "until_on": "2026-12-03"}
    assert mine.post("/settings/cover/", sent).url == "/settings/cover/"
    assert "Mina Kwon covers Lena Brandt from 24 Nov until 3 Dec" in mine.get("/settings/cover/").content.decode()
    row = Cover.objects.get()
    boss = as_user(user("manager", team=north))
    with django_assert_num_queries(6):
        boss.get("/settings/cover/")
    cover(user("rep", team=north), lena), cover(mina, north)
    with django_assert_num_queries(6):
        boss.get("/settings/cover/")
    assert as_user(user("rep", team=north)).post(f"/settings/cover/{row.pk}/end/").status_code == 404
    assert as_user(mina).post(f"/settings/cover/{row.pk}/end/").status_code == 302
    row.refresh_from_db()
    assert row.until_at == row.from_at


@time_machine.travel(NOW)
def test_account_and_today_say_who_covers(as_user, book, mina, lena):
    cover(mina, lena, until_at=datetime(2026, 12, 3, 9, tzinfo=UTC))
    hers, alone = (Account.objects.system("test").get(name=name) for name in ("Hers", "Hers alone"))
    page = as_user(lena).get(f"/accounts/{hers.pk}/").content.decode()
    assert "Mina Kwon covers until 3 Dec" in page
    assert "restricted" not in page
    page = as_user(lena).get(f"/accounts/{alone.pk}/").content.decode()
    assert "covers until" not in page
    assert "restricted" in page
    assert "You cover Lena Brandt until 3 Dec" in as_user(mina).get("/today/").content.decode()
    assert as_user(mina).get(f"/accounts/{hers.pk}/").status_code == 200
    assert as_user(mina).get(f"/accounts/{alone.pk}/").status_code == 404

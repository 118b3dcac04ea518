"""Pages about an account do not give away the names of others that the person does not see."""

import pytest
from django.core.exceptions import PermissionDenied

from crm.accounts.actions import change_owner, set_next_step
from crm.accounts.models import Account
from crm.accounts.queries import owner_history
from tests.factories import NOW, TODAY, account, installation, team, user

pytestmark = pytest.mark.django_db
DETAILS = {"name": "Acme", "time_zone": "UTC", "language": "en", "currency": "EUR"}


@pytest.fixture
def rep():
    installation(visibility="own")
    return user("rep")


def test_a_parent_one_does_not_see_is_neither_shown_nor_taken_off(as_user, rep):
    holding = account("Holding", external_id="hidden-7", restricted=True)
    row = account("Acme", owner=rep, parent=holding)
    client = as_user(rep)
    assert "hidden-7" not in client.get(f"/accounts/{row.pk}/edit/").content.decode()
    assert client.post(f"/accounts/{row.pk}/edit/", DETAILS).status_code == 302
    assert Account.objects.system("test").get(pk=row.pk).parent == holding


def test_a_parent_one_sees_stands_in_the_form_and_can_be_taken_off(as_user, rep):
    row = account("Acme", owner=rep, parent=account("Holding", external_id="shown-7", owner=rep))
    client = as_user(rep)
    assert "shown-7" in client.get(f"/accounts/{row.pk}/edit/").content.decode()
    client.post(f"/accounts/{row.pk}/edit/", DETAILS)
    assert Account.objects.system("test").get(pk=row.pk).parent is None


def test_the_account_that_took_over_is_named_to_whoever_sees_it(as_user, rep):
    row = account("Acme", owner=rep, merged_into=account("Nordwind", owner=user("rep")))
    page = as_user(rep).get(f"/accounts/{row.pk}/edit/").content.decode()
    assert "Nordwind" not in page
    assert "Merged into an account that you do not see." in page
    assert "Merged into Nordwind" in as_user(user("ops_admin")).get(f"/accounts/{row.pk}/edit/").content.decode()


def test_an_account_one_does_not_see_cannot_be_named(as_user, rep):
    account("Nordwind", external_id="hidden-7", owner=user("rep"))
    row = account("Acme", owner=rep)
    client, words = as_user(rep), "You see no account with this external id."
    assert words in client.post(f"/accounts/{row.pk}/edit/", DETAILS | {"parent": "hidden-7"}).content.decode()
    assert words in client.post(f"/accounts/{row.pk}/merge/", {"into": "hidden-7"}).content.decode()


def test_an_action_refuses_what_the_person_does_not_see_though_the_team_may_change_it(rep):
    """Where each sees the own accounts, the team's pool is out of sight."""
    north = team("North")
    rep.team = north
    rep.save()
    with pytest.raises(PermissionDenied):
        set_next_step(account("Shared", pool=north), text="Call", on=TODAY, at=NOW, by=rep)


def test_whoever_gives_an_account_away_or_restricts_it_is_not_sent_to_a_page_they_no_longer_see(as_user, rep):
    north = team("North")
    manager, colleague = user("manager", team=north), user("rep", team=north)
    mine, theirs = account("Mine", owner=manager, restricted=True), account("Theirs", owner=colleague)
    client, to = as_user(manager), {"owner": f"user-{colleague.pk}"}
    assert client.post(f"/accounts/{mine.pk}/owner/", to).url == "/settings/"
    assert client.post(f"/accounts/{theirs.pk}/restriction/", {"restricted": "1"}).url == "/settings/"
    assert client.get(f"/accounts/{mine.pk}/edit/").status_code == 404
    admin = as_user(user("ops_admin"))
    assert admin.post(f"/accounts/{theirs.pk}/restriction/", {"restricted": "1"}).url == f"/accounts/{theirs.pk}/edit/"


def test_who_owned_an_account_is_told_to_whoever_sees_it(rep):
    row = account("Nordwind", owner=user("rep"))
    change_owner(row, owner=user("rep", name="Ines Duarte"), at=NOW, by=user("ops_admin"))
    assert owner_history(row, rep) == []
    assert [span.holder for span in owner_history(row, user("ops_admin"))] == ["Ines Duarte"]

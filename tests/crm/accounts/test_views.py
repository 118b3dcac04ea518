"""Pages that write accounts: who may open them, what they say to bad input, how many queries they take."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.accounts import actions
from crm.accounts.models import Account, OwnerChange, TraitDefinition
from crm.audit.models import AuditRow
from tests.factories import NOW, account, installation, team, user

pytestmark = pytest.mark.django_db
DETAILS = {
    "name": "Acme",
    "segment": "hotels",
    "tags": "vip, new, vip",
    "domains": "ACME.example",
    "customer_since": "2025-01-01",
    "time_zone": "Asia/Seoul",
    "language": "ko",
    "currency": "KRW",
    "parent": "",
}


def stored(row: Account) -> Account:
    return Account.objects.system("test").get(pk=row.pk)


def test_a_rep_adds_an_account_and_owns_it(as_user, rep):
    response = as_user(rep).post("/accounts/new/", DETAILS | {"external_id": "a-1", "stage": "trial"})
    row = Account.objects.system("test").get()
    assert response.status_code == 302
    assert (row.owner, row.stage, row.tags, row.domains) == (rep, "trial", ["vip", "new"], ["acme.example"])
    assert (row.customer_since, row.time_zone, row.language, row.currency) == (
        date(2025, 1, 1),
        "Asia/Seoul",
        "ko",
        "KRW",
    )


@pytest.mark.parametrize("role", ["read_only", "system_admin"])
def test_roles_that_do_not_write_cannot_open_the_forms(as_user, role):
    installation(visibility="all")
    row = account()
    client = as_user(user(role))
    for page in ("/accounts/new/", f"/accounts/{row.pk}/edit/"):
        assert client.get(page).status_code == 403
    for page in ("owner", "next-step", "stage", "trait", "merge", "undo-merge"):
        assert client.post(f"/accounts/{row.pk}/{page}/").status_code == 403


def test_what_one_cannot_see_is_not_there_and_what_one_may_not_change_is_refused(as_user):
    ours = team()
    rep = user("rep", team=ours)
    colleagues, foreign = account(owner=user("rep", team=ours)), account(owner=user("rep", team=team()))
    client = as_user(rep)
    assert client.get(f"/accounts/{colleagues.pk}/edit/").status_code == 403
    assert client.get(f"/accounts/{foreign.pk}/edit/").status_code == 404
    assert client.post(f"/accounts/{foreign.pk}/stage/", {"stage": "live"}).status_code == 404
    assert client.get("/accounts/99999999999999999999/edit/").status_code == 404


def test_whoever_is_not_signed_in_is_sent_to_the_login(client):
    assert client.get(f"/accounts/{account().pk}/edit/")["Location"].startswith("/login/")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "This field is required."),
        ("name", "x" * 10_000, "The text is longer than 255 characters. Shorten it."),
        ("name", "a\0b", "A text holds the character NUL (\\u0000), which cannot be stored. Remove it."),
        ("tags", "x" * 61, "“xxxxxxxxxxxxxxxxxxxx …” is longer than 60 characters. Shorten it, or part it by a comma."),
        ("domains", "https://acme", "“https://acme” is not a domain. Write it such as acme.example."),
        ("domains", "acme example.com", "“acme example.com” is not a domain. Write it such as acme.example."),
        ("customer_since", "1.2.2025", "Enter a day as year-month-day, such as 2026-11-21."),
        ("time_zone", "Mars/Olympus", "Select a valid choice. Mars/Olympus is not one of the available choices."),
        ("currency", "DEM", "Select a valid choice. DEM is not one of the available choices."),
        ("parent", "nobody", "You see no account with this external id. Copy it from the account's page."),
    ],
)
def test_bad_input_is_said_at_its_field_and_the_rest_is_kept(as_user, rep, field, value, words):
    row = account("Before", owner=rep)
    response = as_user(rep).post(f"/accounts/{row.pk}/edit/", DETAILS | {field: value})
    assert response.status_code == 200
    assert response.context["form"].errors == {field: [words]}
    assert "hotels" in response.content.decode()
    assert stored(row).name == "Before"


def test_odd_characters_survive_or_are_taken_out(as_user, rep):
    row = account(owner=rep)
    name = "\u202eAcme\u202c 🏨 호텔 café e\u0301 <b>"
    assert as_user(rep).post(f"/accounts/{row.pk}/edit/", DETAILS | {"name": name}).status_code == 302
    assert stored(row).name == "Acme 🏨 호텔 café é <b>"
    page = as_user(rep).get(f"/accounts/{row.pk}/edit/").content.decode()
    assert "Acme 🏨 호텔 café é &lt;b&gt;" in page


def test_a_taken_external_id_is_said_at_its_field(as_user, rep):
    account(external_id="a-1")
    response = as_user(rep).post("/accounts/new/", DETAILS | {"external_id": "a-1", "stage": "live"})
    assert list(response.context["form"].errors) == ["external_id"]


def test_only_who_may_reassign_can_restrict(as_user):
    ours = team()
    rep, boss = user("rep", team=ours), user("manager", team=ours)
    row = account(owner=rep)
    assert as_user(rep).post(f"/accounts/{row.pk}/restriction/", {"restricted": "1"}).status_code == 403
    assert stored(row).restricted is False
    as_user(boss).post(f"/accounts/{row.pk}/restriction/", {"restricted": "1"})
    assert stored(row).restricted is True


def test_a_manager_hands_over_inside_the_team_and_sees_the_history(as_user):
    ours = team()
    boss, old, new = user("manager", team=ours), user("rep", team=ours), user("rep", team=ours)
    stranger = user("rep", team=team())
    row = account(owner=old)
    client = as_user(boss)
    client.post(f"/accounts/{row.pk}/owner/", {"owner": f"user-{new.pk}"})
    assert stored(row).owner == new
    refused = client.post(f"/accounts/{row.pk}/owner/", {"owner": f"user-{stranger.pk}"})
    assert list(refused.context["form"].errors) == ["owner"]
    client.post(f"/accounts/{row.pk}/owner/", {"owner": f"team-{ours.pk}"})
    assert (stored(row).owner, stored(row).pool) == (None, ours)
    assert OwnerChange.objects.system("test").filter(account=row).count() == 2
    assert new.name in client.get(f"/accounts/{row.pk}/owners/").content.decode()


def test_ops_may_leave_an_account_without_an_owner(as_user, ops, rep):
    row = account(owner=rep)
    as_user(ops).post(f"/accounts/{row.pk}/owner/", {"owner": ""})
    assert stored(row).owner is None


def test_a_rep_claims_from_the_pool(as_user):
    rep = user("rep", team=team())
    row = account(pool=rep.team)
    as_user(rep).post(f"/accounts/{row.pk}/owner/", {"owner": f"user-{rep.pk}"})
    assert (stored(row).owner, stored(row).pool) == (rep, None)


def test_the_next_step_goes_back_to_the_page_that_sent_it_and_nowhere_else(as_user, rep):
    row = account(owner=rep)
    step = {"next_step": "Show the export", "next_step_on": "2026-12-01"}
    client = as_user(rep)
    here = client.post(f"/accounts/{row.pk}/next-step/", step | {"next": "/settings/?a=1"})
    assert here["Location"] == "/settings/?a=1"
    elsewhere = client.post(f"/accounts/{row.pk}/next-step/", step | {"next": "https://evil.example/"})
    assert "evil" not in elsewhere["Location"]
    assert (stored(row).next_step, stored(row).next_step_on) == ("Show the export", date(2026, 12, 1))
    without = client.post(f"/accounts/{row.pk}/next-step/", {"next_step": "Call"})
    assert without.context["form"].errors == {"next_step_on": ["Say by which day, so that it can come back to you."]}


def test_a_trait_is_recorded_or_refused_with_a_reason(as_user, rep, ops):
    row = account(owner=rep)
    rooms = actions.define_trait(key="rooms", label="Rooms", type="number", unit="beds", at=NOW, by=ops)
    client = as_user(rep)
    refused = client.post(f"/accounts/{row.pk}/trait/", {"trait": rooms.pk, "value": "many"})
    assert refused.context["form"].errors == {"value": ["This is not a number. Write it with a point, such as 1240.5."]}
    client.post(f"/accounts/{row.pk}/trait/", {"trait": rooms.pk, "value": "120.50"})
    assert "<dd>120.5 beds" in client.get(f"/accounts/{row.pk}/edit/").content.decode()


def test_a_merge_is_made_shown_and_undone_from_the_page(as_user, rep):
    row, into = account(owner=rep), account(owner=rep)
    foreign = account(owner=user("rep", team=rep.team))
    installation(visibility="all")
    client = as_user(rep)
    refused = client.post(f"/accounts/{row.pk}/merge/", {"into": foreign.external_id})
    assert list(refused.context["form"].errors) == ["into"]
    client.post(f"/accounts/{row.pk}/merge/", {"into": into.external_id})
    assert stored(row).merged_into == into
    assert "Undo the merge" in client.get(f"/accounts/{row.pk}/edit/").content.decode()
    client.post(f"/accounts/{row.pk}/undo-merge/")
    assert stored(row).merged_into is None


def test_an_old_merge_says_that_it_cannot_be_undone(as_user, ops):
    row = account()
    actions.merge_accounts(row, into=account(), at=NOW - timedelta(days=400), by=ops)
    page = as_user(ops).post(f"/accounts/{row.pk}/undo-merge/", follow=True).content.decode()
    assert "more than 30 days old" in page
    assert "Undo the merge" not in page


def test_only_ops_defines_traits(as_user, rep, ops):
    assert as_user(rep).get("/traits/").status_code == 200
    assert as_user(rep).get("/traits/new/").status_code == 403
    client = as_user(ops)
    client.post("/traits/new/", {"label": "Rooms", "key": "rooms", "type": "number", "unit": "beds"})
    row = TraitDefinition.objects.get()
    again = client.post("/traits/new/", {"label": "Rooms", "key": "rooms", "type": "number"})
    assert list(again.context["form"].errors) == ["key"]
    client.post(f"/traits/{row.pk}/", {"label": "Hotel rooms", "type": "text", "unit": ""})
    assert TraitDefinition.objects.get().label == "Hotel rooms"
    said = AuditRow.objects.order_by("id").values_list("action", flat=True)
    assert list(said) == ["access.denied", "trait.defined", "trait.changed"]


def queries_of(client, page: str) -> int:
    client.get(page)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(page).status_code == 200
    return len(captured)


def test_pages_take_as_many_queries_for_three_rows_as_for_one(as_user, ops):
    row = account(owner=ops)
    client = as_user(ops)

    def add(n: int) -> None:
        definition = actions.define_trait(key=f"t{n}", label=f"T{n}", type="text", at=NOW, by=ops)
        actions.set_trait(row, definition, "value", at=NOW, by=ops)
        actions.change_owner(row, owner=user(), at=NOW + timedelta(minutes=n), by=ops)

    pages = (f"/accounts/{row.pk}/edit/", "/traits/")
    add(1)
    one = [queries_of(client, page) for page in pages]
    add(2)
    add(3)
    assert [queries_of(client, page) for page in pages] == one

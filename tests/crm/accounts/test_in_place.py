"""Values changed where they stand, and taken back; what is like a new account; who owned it; the tree; tags of all."""

import re
from datetime import date, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from crm.accounts import actions, rules
from crm.accounts.models import Account, TagRename
from crm.accounts.queries import kin, owner_history, tag_counts, twins
from crm.audit.models import AuditRow
from tests.factories import NOW, account, installation, team, user

pytestmark = pytest.mark.django_db
PIECE = {"HX-Request": "true"}


def stored(row: Account) -> Account:
    return Account.objects.system("test").get(pk=row.pk)


def undo_of(page: str) -> tuple[str, dict[str, str]]:
    """Where and what the toast's button posts."""
    toast = page[page.index("toast") :]
    action = re.search(r'<form class="inline" method="post" action="([^"]+)"', toast)
    assert action is not None
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', toast))
    return action.group(1), {name: value for name, value in fields.items() if name not in ("csrfmiddlewaretoken",)}


CHANGES = [
    ("name", {"name": "After"}, "name", "Before", "After"),
    ("segment", {"segment": "hotels"}, "segment", "", "hotels"),
    ("tags", {"keep": "vip", "tags": "new, vip"}, "tags", ["vip", "old"], ["vip", "new"]),
    ("stage", {"stage": "onboarding"}, "stage", "live", "onboarding"),
    ("next-step", {"next_step": "Call", "next_step_on": "2026-12-01"}, "next_step", "", "Call"),
]


@pytest.mark.parametrize(("part", "given", "field", "before", "after"), CHANGES)
def test_each_value_is_changed_in_place_and_taken_back_by_the_toast(as_user, rep, part, given, field, before, after):
    row = account("Before", owner=rep, tags=["vip", "old"])
    client, url = as_user(rep), f"/accounts/{row.pk}/{part}/"
    assert client.get(url, headers=PIECE).content.decode().lstrip().startswith("<form")
    assert "<html" in client.get(url).content.decode()
    page = client.post(url, given, follow=True).content.decode()
    assert getattr(stored(row), field) == after
    where, fields = undo_of(page)
    client.post(where, fields)
    assert getattr(stored(row), field) == before


@pytest.mark.parametrize(("part", "given", "field", "before", "after"), CHANGES)
def test_what_somebody_else_changed_meanwhile_is_not_undone(as_user, rep, ops, part, given, field, before, after):
    row = account("Before", owner=rep, tags=["vip", "old"])
    client = as_user(rep)
    where, fields = undo_of(client.post(f"/accounts/{row.pk}/{part}/", given, follow=True).content.decode())
    actions.change_account(stored(row), name="Theirs", segment="theirs", tags=["theirs"], at=NOW, by=ops)
    actions.set_stage(stored(row), stage="trial", at=NOW, by=ops)
    actions.set_next_step(stored(row), text="Theirs", on=date(2026, 12, 9), at=NOW, by=ops)
    theirs = getattr(stored(row), field)
    assert (
        "It was changed meanwhile, so nothing was undone." in client.post(where, fields, follow=True).content.decode()
    )
    assert getattr(stored(row), field) == theirs


def test_a_trait_is_changed_in_place_and_taken_back(as_user, rep, ops):
    row = account(owner=rep)
    rooms = actions.define_trait(key="rooms", label="Rooms", type="number", at=NOW, by=ops)
    actions.set_trait(row, rooms, 120, at=NOW, by=ops)
    client, url = as_user(rep), f"/accounts/{row.pk}/trait/"
    assert 'value="120"' in client.get(f"{url}?trait={rooms.pk}", headers=PIECE).content.decode()
    page = client.post(f"{url}?trait={rooms.pk}", {"trait": rooms.pk, "value": "140"}, follow=True).content.decode()
    where, fields = undo_of(page)
    assert fields == {"trait": str(rooms.pk), "value": "120", "only_if": "140", "next": f"/accounts/{row.pk}/"}
    client.post(where, fields)
    assert "<dd data-slot>120 " in client.get(f"/accounts/{row.pk}/").content.decode()
    assert client.get(f"{url}?trait=nonsense").status_code == 200


def test_the_owner_is_handed_back_by_whoever_may_and_only_while_nobody_else_took_it(as_user, ops):
    first, second, third = user("rep"), user("rep"), user("rep")
    row = account(owner=first)
    client, url = as_user(ops), f"/accounts/{row.pk}/owner/"
    page = client.post(url, {"owner": f"user-{second.pk}"}, follow=True).content.decode()
    where, fields = undo_of(page)
    Account.objects.system("test").filter(pk=row.pk).update(owner=third)
    assert "nothing was undone" in client.post(where, fields, follow=True).content.decode()
    assert stored(row).owner == third


@pytest.mark.parametrize(
    ("part", "given", "field"),
    [
        ("name", {"name": " "}, "name"), ("name", {"name": "x" * 10_000}, "name"), ("name", {"name": "a\0"}, "name"),
        ("segment", {"segment": "s" * 81}, "segment"), ("tags", {"tags": "t" * 61}, "tags"),
        ("tags", {"keep": "never had"}, "keep"), ("stage", {"stage": "gone"}, "stage"),
        ("next-step", {"next_step": "Call"}, "next_step_on"), ("next-step", {"next_step": "c" * 201}, "next_step"),
    ],
)  # fmt: skip
def test_bad_input_stays_in_the_piece_with_its_error(as_user, rep, part, given, field):
    row = account("Before", owner=rep, tags=["vip"])
    answer = as_user(rep).post(f"/accounts/{row.pk}/{part}/", given, headers=PIECE)
    assert (answer.status_code, answer["HX-Retarget"]) == (200, f"#edit-{part}")
    assert list(answer.context["form"].errors) == [field]
    assert (stored(row).name, stored(row).tags) == ("Before", ["vip"])


def test_a_tag_with_a_direction_mark_and_a_script_is_plain_text(as_user, rep):
    row = account(owner=rep)
    as_user(rep).post(f"/accounts/{row.pk}/tags/", {"tags": "\u202evip\u202c, <script>alert(1)</script>, café"})
    assert stored(row).tags == ["vip", "<script>alert(1)</script>", "café"]
    assert "<script>alert" not in as_user(rep).get(f"/accounts/{row.pk}/tags/").content.decode()


def test_tags_that_others_use_are_offered_where_the_person_may_see_them(as_user):
    ours = team()
    rep = user("rep", team=ours)
    row = account(owner=rep, tags=["mine"])
    account(owner=user("rep", team=ours), tags=["ours"])
    account(owner=user("rep", team=team()), tags=["foreign"])
    page = as_user(rep).get(f"/accounts/{row.pk}/tags/").content.decode()
    assert re.findall(r'<option value="(\w+)"></option>', page) == ["ours"]


# --- a second record of one company ------------------------------------------------------------------------

NEW = {
    "name": "ACME gmbh",
    "external_id": "a-2",
    "stage": "live",
    "time_zone": "UTC",
    "language": "en",
    "currency": "EUR",
}


def test_a_new_account_like_one_that_is_there_is_asked_about_once(as_user, rep):
    held = account("Acme GmbH", owner=rep, external_id="a-1", domains=["acme.example"])
    client = as_user(rep)
    page = client.post("/accounts/new/", NEW)
    assert f'There is <a href="/accounts/{held.pk}/">Acme GmbH</a> already (a-1).' in page.content.decode()
    assert list(page.context["form"].errors) == ["anyway"]
    by_domain = client.post("/accounts/new/", NEW | {"name": "Other", "domains": "https://www.ACME.example/contact"})
    assert "There is" in by_domain.content.decode()
    assert client.post("/accounts/new/", NEW | {"anyway": "on"}).status_code == 302
    taken = client.post("/accounts/new/", NEW | {"external_id": "a-1", "name": "Quite other"})
    assert list(taken.context["form"].errors) == ["external_id"]
    assert Account.objects.system("test").count() == 2


def test_an_account_that_one_does_not_see_is_not_given_away(as_user):
    account("Acme GmbH", owner=user("rep", team=team()))
    stranger = user("rep", team=team())
    assert twins(stranger, name="acme gmbh") == []
    assert as_user(stranger).post("/accounts/new/", NEW).status_code == 302


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("https://www.Acme.example/contact?x=1", "acme.example"), ("lena@acme.example", "acme.example"),
        ("acme.example.", "acme.example"), ("http://acme.example:8080", "acme.example"), ("예시.한국", "예시.한국"),
        ("acme", None), ("https://", None), ("a b.example", None), ("a..b", None), ("." * 300, None),
        ("x" * 64 + ".example", None),
    ],
)  # fmt: skip
def test_a_domain_is_what_remains_of_an_address(typed, meant):
    assert rules.domain(typed) == meant


# --- who owned it when -------------------------------------------------------------------------------------


def test_the_history_says_from_when_until_when_and_who_said_so(ops):
    first, second = user("rep", name="First"), user("rep", name="Second")
    row = actions.create_account(external_id="a", name="Acme", owner=first, at=NOW - timedelta(days=9), by=ops)
    actions.change_owner(row, owner=second, at=NOW, by=ops)
    spans = [(span.holder, span.from_at, span.until_at, span.by) for span in owner_history(row, ops)]
    assert spans == [
        ("Second", NOW, None, ops.name),
        ("First", NOW - timedelta(days=9), NOW, ops.name),
    ]


# --- above and below ---------------------------------------------------------------------------------------


def test_the_tree_shows_those_above_and_below_that_the_person_sees(ops):
    ours = team()
    rep = user("rep", team=ours)
    top = account("Top", owner=rep)
    middle = account("Middle", owner=rep, parent=top)
    account("Zeta", owner=rep, parent=middle)
    alpha = account("alpha", owner=rep, parent=middle)
    account("Below alpha", owner=rep, parent=alpha)
    account("Hidden", owner=user("rep", team=team()), parent=middle)
    assert [(one.name, one.depth) for one in kin(middle, rep)] == [
        ("Top", -1), ("Middle", 0), ("alpha", 1), ("Below alpha", 2), ("Zeta", 1),
    ]  # fmt: skip
    assert "Hidden" in [one.name for one in kin(middle, ops)]
    assert kin(account(owner=rep), rep) == []


def test_a_circle_is_refused_and_an_old_one_still_lists(rep):
    top = account(owner=rep)
    low = account(owner=rep, parent=account(owner=rep, parent=top))
    with pytest.raises(ValidationError) as refused:
        actions.change_account(top, parent=low, at=NOW, by=rep)
    assert list(refused.value.message_dict) == ["parent"]
    with pytest.raises(ValidationError):
        actions.change_account(top, parent=top, at=NOW, by=rep)
    Account.objects.system("test").filter(pk=top.pk).update(parent=low)
    assert 3 <= len(kin(top, rep)) <= 100


# --- one tag everywhere ------------------------------------------------------------------------------------


def test_a_tag_is_renamed_on_all_accounts_and_taken_back_where_it_still_is(as_user, ops):
    one, both, other = account(tags=["a", "new"]), account(tags=["new", "vip"]), account(tags=["vip"])
    client = as_user(ops)
    assert tag_counts() == [("new", 2), ("vip", 2), ("a", 1)]
    page = client.post("/tags/rename/", {"old": "new", "new": "vip"}, follow=True).content.decode()
    assert "“new” is “vip” now, on 2 accounts." in page
    assert [stored(row).tags for row in (one, both, other)] == [["a", "vip"], ["vip"], ["vip"]]
    where, _fields = undo_of(page)
    actions.change_account(one, tags=["a"], at=NOW, by=ops)  # taken off meanwhile: it does not come back
    client.post(where)
    assert [stored(row).tags for row in (one, both, other)] == [["a"], ["vip", "new"], ["vip"]]
    assert "It was taken back already." in client.post(where, follow=True).content.decode()
    assert list(AuditRow.objects.filter(object_kind="tagrename").order_by("id").values_list("action", flat=True)) == [
        "tag.renamed", "tag.rename_undone",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("new", "new", "new"),
        ("nobody", "vip", "old"),
        ("new", "a, b", "new"),
        ("new", "x" * 61, "new"),
        ("", "a", "old"),
    ],
)
def test_a_renaming_that_makes_no_sense_is_said_at_its_field(as_user, ops, old, new, field):
    account(tags=["new"])
    assert list(as_user(ops).post("/tags/rename/", {"old": old, "new": new}).context["form"].errors) == [field]


def test_only_ops_renames_and_only_for_thirty_days(rep, ops):
    installation(visibility="all")
    account(owner=rep, tags=["new"])
    with pytest.raises(PermissionDenied):
        actions.rename_tag(old="new", new="vip", at=NOW, by=rep)
    row = actions.rename_tag(old="new", new="vip", at=NOW, by=ops)
    with pytest.raises(ValidationError):
        actions.undo_rename(row, at=NOW + timedelta(days=31), by=ops)
    assert TagRename.objects.get().undone_at is None

"""Changing many accounts at once: only what one may write, once, taken back exactly where nothing happened since."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from crm.accounts.actions import change_account, may_write
from crm.accounts.models import Account, OwnerChange, writable
from crm.audit.models import AuditRow
from crm.bulk_edits import actions
from crm.bulk_edits.models import BulkEdit
from crm.staff.models import User
from tests import factories

pytestmark = pytest.mark.django_db
NOW, TODAY = factories.NOW, factories.TODAY
MINUTE = timedelta(minutes=1)


@pytest.fixture
def people() -> dict[str, User]:
    north, south = factories.team("North"), factories.team("South")
    roles = {
        "ops": ("ops_admin", None), "boss": ("manager", north), "mina": ("rep", north), "jonas": ("rep", north),
        "sara": ("rep", south), "admin": ("system_admin", north), "reader": ("read_only", north),
    }  # fmt: skip
    return {name: factories.user(role, team=team, name=name.title()) for name, (role, team) in roles.items()}


def everything(user: User) -> Any:
    return Account.objects.visible_to(user).filter(merged_into=None)


def stands() -> dict[str, tuple[Any, ...]]:
    rows = Account.objects.system("test").order_by("name")
    return {row.name: (row.owner_id, row.tags, row.segment, row.next_step) for row in rows}


def test_what_may_be_written_is_the_same_for_one_and_for_all(people):
    pool = people["mina"].team
    for n, more in enumerate([{"owner": people[name]} for name in people] + [{"pool": pool}, {}]):
        factories.account(f"A{n}", **more)
        factories.account(f"R{n}", restricted=True, **more)
    factories.cover(people["mina"], people["jonas"], restricted=True)
    factories.cover(people["boss"], people["sara"])
    factories.cover(people["sara"], pool)
    for user in map(factories.asking, people.values()):
        seen = everything(user).select_related("owner")
        one_by_one = {row.pk for row in seen if may_write(row, by=user)}
        assert set(seen.filter(writable(user)).values_list("pk", flat=True)) == one_by_one, user.name


def test_a_tag_is_put_on_and_taken_back_where_nothing_happened_since(people):
    mina = people["mina"]
    for name, more in [("A", {"tags": ["new"]}), ("B", {}), ("C", {"tags": ["vip"]})]:
        factories.account(name, owner=mina, **more)
    factories.account("D", owner=people["jonas"])
    done = actions.add_tag(everything(mina), tag="vip", at=NOW, by=mina)
    assert (done.changed, done.skipped, done.same) == (2, 1, 1)
    assert {name: tags for name, (_o, tags, _s, _n) in stands().items()} == {
        "A": ["new", "vip"], "B": ["vip"], "C": ["vip"], "D": [],
    }  # fmt: skip
    b = Account.objects.system("test").get(name="B")
    change_account(b, tags=["vip", "hotel"], at=NOW + MINUTE, by=mina)
    assert done.edit is not None
    assert actions.undo(done.edit, at=NOW + 30 * MINUTE, by=mina) == 1
    assert stands()["A"][1] == ["new"]
    assert stands()["B"][1] == ["vip", "hotel"]
    edit = BulkEdit.objects.get()
    assert (edit.changed, edit.skipped, edit.restored) == (2, 1, 1)
    assert list(AuditRow.objects.exclude(action="account.changed").order_by("pk").values_list("action", "after")) == [
        ("accounts.changed_together", {"kind": "tag_added", "tag": "vip", "changed": 2, "skipped": 1}),
        ("accounts.change_undone", {"kind": "tag_added", "changed": 2, "restored": 1}),
    ]


def test_each_change_is_taken_back_as_it_was(people):
    boss, mina = people["boss"], people["mina"]
    factories.account("A", owner=mina, tags=["vip", "x"], segment="old", next_step="Call", next_step_on=TODAY)
    factories.account("B", pool=boss.team, tags=["x"], segment="")
    before = stands()
    changes: list[tuple[Any, dict[str, Any]]] = [
        (actions.set_owner, {"owner": people["jonas"]}),
        (actions.set_owner, {"pool": boss.team}),
        (actions.remove_tag, {"tag": "x"}),
        (actions.set_segment, {"segment": "hotels"}),
        (actions.set_next_step, {"text": "Write", "on": TODAY}),
        (actions.set_next_step, {"text": "", "on": None}),
    ]
    for n, (act, given) in enumerate(changes):
        at = NOW + n * MINUTE
        done = act(everything(boss), **given, at=at, by=boss)
        assert done.edit is not None
        assert stands() != before
        assert actions.undo(done.edit, at=at + MINUTE / 2, by=boss) == done.changed
        assert stands() == before, act


def test_the_history_of_owners_has_both_the_change_and_its_undoing(people):
    boss = people["boss"]
    account = factories.account("A", owner=people["mina"])
    done = actions.set_owner(everything(boss), owner=people["jonas"], at=NOW, by=boss)
    assert done.edit is not None
    actions.undo(done.edit, at=NOW + MINUTE, by=boss)
    history = OwnerChange.objects.system("test").filter(account=account).order_by("from_at")
    assert [(row.owner, row.from_at) for row in history] == [(people["jonas"], NOW), (people["mina"], NOW + MINUTE)]


@pytest.mark.parametrize(("who", "to"), [("mina", "jonas"), ("boss", "sara"), ("admin", "mina"), ("reader", "mina")])
def test_handing_over_takes_the_right(people, who, to):
    factories.account(owner=people["mina"])
    with pytest.raises(PermissionDenied):
        actions.set_owner(everything(people[who]), owner=people[to], at=NOW, by=people[who])


def test_standing_in_gives_no_right_to_hand_over(people):
    away = people["sara"]
    factories.cover(people["boss"], away)
    boss = factories.asking(people["boss"])
    factories.account("Away", owner=away)
    factories.account("Own", owner=people["mina"])
    done = actions.set_owner(everything(boss), owner=people["jonas"], at=NOW, by=boss)
    assert (done.changed, done.skipped) == (1, 1)


@pytest.mark.parametrize("who", ["admin", "reader"])
def test_who_may_not_write_changes_nothing(people, who):
    factories.account(owner=people["mina"])
    with pytest.raises(PermissionDenied):
        actions.add_tag(everything(people[who]), tag="vip", at=NOW, by=people[who])


def test_more_than_ten_thousand_are_refused_before_anything_is_written(people, monkeypatch):
    monkeypatch.setattr(actions, "MOST", 2)
    for _n in range(3):
        factories.account(owner=people["mina"])
    with pytest.raises(ValidationError, match="more than 10,000"):
        actions.add_tag(everything(people["mina"]), tag="vip", at=NOW, by=people["mina"])
    assert BulkEdit.objects.count() == 0


def test_undoing_is_for_whoever_did_it_once_and_for_half_an_hour(people):
    mina = people["mina"]
    factories.account(owner=mina)
    done = actions.add_tag(everything(mina), tag="vip", at=NOW, by=mina)
    assert done.edit is not None
    with pytest.raises(PermissionDenied):
        actions.undo(done.edit, at=NOW, by=people["boss"])
    with pytest.raises(ValidationError, match="more than 30 minutes"):
        actions.undo(done.edit, at=NOW + 31 * MINUTE, by=mina)
    assert actions.undo(done.edit, at=NOW + MINUTE, by=mina) == 1
    with pytest.raises(ValidationError, match="already"):
        actions.undo(done.edit, at=NOW + MINUTE, by=mina)


def test_a_change_costs_the_same_number_of_queries_for_one_and_for_three(people, django_assert_max_num_queries):
    mina = people["mina"]
    taken = []
    for n in (1, 2):
        for _n in range(n):
            factories.account(owner=mina)
        with django_assert_max_num_queries(30) as found:
            actions.set_segment(everything(mina), segment=f"s{n}", at=NOW, by=mina)
        taken.append(len(found))
    assert taken[1] <= taken[0]

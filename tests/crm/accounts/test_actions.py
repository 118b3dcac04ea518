"""What happens to accounts, who may do it, and what the record says."""

import threading
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection

from crm.accounts import actions
from crm.accounts.models import Account, OwnerChange, Trait, TraitDefinition
from crm.accounts.queries import current_traits
from crm.audit.models import AuditRow
from crm.audit.rules import Respondent, System
from tests.factories import NOW, account, installation, team, user

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


def stored(row: Account) -> Account:
    return Account.objects.system("test").get(pk=row.pk)


def test_a_reps_new_account_is_the_reps_own_from_that_moment(rep):
    row = actions.create_account(external_id="a-1", name="Acme", segment="small", at=NOW, by=rep)
    assert stored(row).owner == rep
    change = OwnerChange.objects.system("test").get(account=row)
    assert (change.owner, change.pool, change.from_at) == (rep, None, NOW)
    said = AuditRow.objects.get(action="account.created")
    assert (said.actor_id, said.object_id) == (str(rep.pk), str(row.pk))
    assert said.after == {"external_id": "a-1", "name": "Acme", "owner": rep.pk, "pool": None, "segment": "small"}


def test_a_rep_cannot_make_an_account_for_somebody_else(rep):
    with pytest.raises(PermissionDenied):
        actions.create_account(external_id="a-1", name="Acme", owner=user(), at=NOW, by=rep)


def test_a_manager_makes_accounts_inside_the_team_only():
    ours = team()
    boss, mate, stranger = user("manager", team=ours), user("rep", team=ours), user("rep", team=team())
    assert actions.create_account(external_id="a-1", name="A", owner=mate, at=NOW, by=boss).owner == mate
    with pytest.raises(PermissionDenied):
        actions.create_account(external_id="a-2", name="B", owner=stranger, at=NOW, by=boss)


@pytest.mark.parametrize("role", ["read_only", "system_admin"])
def test_roles_without_the_right_make_and_change_nothing(role):
    by = user(role)
    row = account(owner=by)
    with pytest.raises(PermissionDenied):
        actions.create_account(external_id="a-1", name="Acme", at=NOW, by=by)
    with pytest.raises(PermissionDenied):
        actions.change_account(row, name="New", at=NOW, by=by)
    assert stored(row).name == row.name


def test_a_respondent_changes_nothing():
    with pytest.raises(PermissionDenied):
        actions.change_account(account(), name="New", at=NOW, by=Respondent(1))


def test_a_taken_external_id_is_an_error_at_its_field(ops):
    account(external_id="a-1")
    with pytest.raises(ValidationError) as refused:
        actions.create_account(external_id="a-1", name="Acme", at=NOW, by=ops)
    assert refused.value.message_dict == {"external_id": ["Another account has this external id. Choose another one."]}
    # The transaction goes on.
    assert Account.objects.system("test").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_the_same_external_id_at_once_one_gets_the_clear_error(ops):
    outcomes = []
    gate = threading.Barrier(2)

    def make() -> None:
        try:
            gate.wait(10)
            actions.create_account(external_id="same", name="Acme", at=NOW, by=ops)
            outcomes.append("made")
        except ValidationError as error:
            outcomes.append(next(iter(error.message_dict)))
        finally:
            connection.close()

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["external_id", "made"]


def test_only_what_differs_is_recorded_and_a_person_beats_late_calls(rep):
    row = account("Acme", owner=rep, segment="small")
    actions.change_account(row, name="Acme Ltd", segment="small", at=LATER, by=rep)
    after = stored(row)
    assert (after.name, after.name_at) == ("Acme Ltd", LATER)
    said = AuditRow.objects.get(action="account.changed")
    assert (said.before, said.after) == ({"name": "Acme"}, {"name": "Acme Ltd"})
    actions.change_account(row, name="Acme Ltd", at=LATER, by=rep)
    assert AuditRow.objects.filter(action="account.changed").count() == 1


def test_fields_with_an_action_of_their_own_are_not_ordinary(ops):
    with pytest.raises(TypeError, match="owner, stage"):
        actions.change_account(account(), stage="churned", owner=None, at=NOW, by=ops)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_zone", "Mars/Olympus"),
        ("language", "xx"),
        ("currency", "DEM"),
        ("name", "x" * 256),
        ("name", ""),
        ("domains", ["x" * 254]),
    ],
)
def test_values_that_do_not_exist_are_errors_at_their_field(ops, field, value):
    with pytest.raises(ValidationError) as refused:
        actions.change_account(account(), at=NOW, by=ops, **{field: value})
    assert list(refused.value.message_dict) == [field]


def test_an_account_cannot_stand_below_itself(ops):
    top = account()
    below = account(parent=account(parent=top))
    with pytest.raises(ValidationError) as refused:
        actions.change_account(top, parent=below, at=NOW, by=ops)
    assert list(refused.value.message_dict) == ["parent"]


def test_a_rep_cannot_hide_an_account_from_the_team():
    rep = user("rep", team=team())
    with pytest.raises(PermissionDenied):
        actions.restrict(account(owner=rep), restricted=True, at=NOW, by=rep)


def test_what_a_rep_cannot_see_a_rep_cannot_write():
    installation(visibility="own")
    rep = user("rep", team=team())
    with pytest.raises(PermissionDenied):
        actions.change_account(account(pool=rep.team), name="New", at=NOW, by=rep)


def test_handing_over_appends_to_the_history():
    ours = team()
    boss, old, new = user("manager", team=ours), user("rep", team=ours), user("rep", team=ours)
    row = actions.create_account(external_id="a-1", name="A", owner=old, at=NOW, by=boss)
    actions.change_owner(row, owner=new, at=LATER, by=boss)
    history = OwnerChange.objects.system("test").filter(account=row).order_by("from_at")
    assert [(change.owner, change.from_at) for change in history] == [(old, NOW), (new, LATER)]
    assert stored(row).owner == new
    said = AuditRow.objects.get(action="account.owner_changed")
    assert (said.before["owner"], said.after["owner"]) == (old.pk, new.pk)
    assert actions.change_owner(row, owner=new, at=LATER, by=boss) is None
    with pytest.raises(ValidationError):  # the history has one owner at any moment
        actions.change_owner(row, owner=old, at=LATER, by=boss)


def test_a_rep_claims_from_the_teams_pool_but_gives_nothing_away():
    ours = team()
    rep, mate = user("rep", team=ours), user("rep", team=ours)
    row = account(pool=ours)
    with pytest.raises(PermissionDenied):
        actions.change_owner(row, owner=mate, at=NOW, by=rep)
    actions.change_owner(row, owner=rep, at=NOW, by=rep)
    assert (stored(row).owner, stored(row).pool) == (rep, None)
    with pytest.raises(PermissionDenied):
        actions.change_owner(row, pool=ours, at=LATER, by=rep)


def test_an_account_has_an_owner_or_a_pool_and_the_owner_can_look_after_it(ops):
    row = account()
    with pytest.raises(ValidationError):
        actions.change_owner(row, owner=user(), pool=team(), at=NOW, by=ops)
    for cannot in (user("read_only"), user(is_active=False)):
        with pytest.raises(ValidationError):
            actions.change_owner(row, owner=cannot, at=NOW, by=ops)


def test_the_next_step_is_one_line_with_a_day_whose_words_stay_out_of_the_record(rep):
    row = account(owner=rep)
    with pytest.raises(ValidationError):
        actions.set_next_step(row, text="Call Mina", on=None, at=NOW, by=rep)
    actions.set_next_step(row, text="Call Mina", on=date(2026, 12, 1), at=NOW, by=rep)
    assert (stored(row).next_step, stored(row).next_step_on) == ("Call Mina", date(2026, 12, 1))
    actions.set_next_step(row, text="", on=date(2026, 12, 2), at=NOW, by=rep)
    assert (stored(row).next_step, stored(row).next_step_on) == ("", None)
    said = AuditRow.objects.filter(action="account.next_step_set").order_by("id")
    assert [line.after for line in said] == [
        {"characters": 9, "next_step_on": "2026-12-01"},
        {"characters": 0, "next_step_on": None},
    ]


def test_a_stage_is_set_by_hand_and_recorded(rep):
    row = account(owner=rep, stage="trial")
    actions.set_stage(row, stage="onboarding", at=NOW, by=rep)
    assert stored(row).stage == "onboarding"
    with pytest.raises(ValidationError):
        actions.set_stage(row, stage="asleep", at=NOW, by=rep)


def test_merging_keeps_pointers_one_hop_long_and_undoing_gives_them_back(ops):
    first, second, third = account(), account(), account()
    actions.merge_accounts(first, into=second, at=NOW, by=ops)
    actions.merge_accounts(second, into=third, at=NOW, by=ops)
    assert (stored(first).merged_into, stored(second).merged_into) == (third, third)
    actions.undo_merge(second, at=NOW + timedelta(days=30), by=ops)
    assert (stored(first).merged_into, stored(second).merged_into) == (second, None)


def test_undoing_a_merge_leaves_alone_what_was_merged_anew_since(ops):
    first, second, third = account(), account(), account()
    actions.merge_accounts(first, into=second, at=NOW, by=ops)
    actions.merge_accounts(second, into=third, at=NOW, by=ops)
    actions.undo_merge(first, at=NOW, by=ops)
    actions.merge_accounts(first, into=third, at=NOW, by=ops)
    actions.undo_merge(second, at=NOW, by=ops)
    assert (stored(first).merged_into, stored(second).merged_into) == (third, None)


def test_a_merge_is_undone_within_thirty_days_only(ops):
    row = account()
    actions.merge_accounts(row, into=account(), at=NOW, by=ops)
    with pytest.raises(ValidationError, match="30 days"):
        actions.undo_merge(row, at=NOW + timedelta(days=30, seconds=1), by=ops)


def test_merges_that_make_no_sense_are_refused(ops):
    row, other = account(), account()
    with pytest.raises(ValidationError):
        actions.merge_accounts(row, into=row, at=NOW, by=ops)
    with pytest.raises(ValidationError):
        actions.undo_merge(row, at=NOW, by=ops)
    actions.merge_accounts(row, into=other, at=NOW, by=ops)
    with pytest.raises(ValidationError):
        actions.merge_accounts(other, into=row, at=NOW, by=ops)


def test_both_accounts_of_a_merge_must_be_ones_own(rep):
    with pytest.raises(PermissionDenied):
        actions.merge_accounts(account(owner=rep), into=account(), at=NOW, by=rep)


def seats(ops) -> TraitDefinition:
    return actions.define_trait(key="seats", label="Seats", type="number", at=NOW, by=ops)


def values(definition: TraitDefinition, at) -> list[object]:
    return [row.value for row in current_traits(definition=definition, at=at)]


def test_a_trait_is_appended_when_it_changes_and_read_as_of_an_instant(ops):
    row, definition = account(), seats(ops)
    assert actions.set_trait(row, definition, "25", at=NOW, by=ops) is not None
    assert actions.set_trait(row, definition, 25, at=LATER, by=ops) is None
    actions.set_trait(row, definition, 30, at=LATER, by=ops)
    assert (values(definition, NOW), values(definition, LATER)) == ([Decimal(25)], [Decimal(30)])
    assert Trait.objects.system("test").count() == 2


def test_a_late_fact_wins_nothing(ops):
    row, definition = account(), seats(ops)
    actions.set_trait(row, definition, 30, at=NOW, by=ops)
    actions.set_trait(row, definition, 10, true_at=NOW - timedelta(days=9), at=LATER, by=ops)
    assert values(definition, LATER) == [Decimal(30)]


def test_a_value_that_does_not_fit_is_refused_at_its_trait(ops):
    with pytest.raises(ValidationError) as refused:
        actions.set_trait(account(), seats(ops), "many", at=NOW, by=ops)
    assert refused.value.message_dict == {"seats": ["This is not a number. Write it with a point, such as 1240.5."]}


def test_retyping_appends_what_fits_and_counts_what_does_not(ops):
    definition = actions.define_trait(key="size", label="Size", type="text", proposed=True, at=NOW, by=ops)
    fits, does_not = account(), account()
    actions.set_trait(fits, definition, "12", at=NOW, by=ops)
    actions.set_trait(does_not, definition, "a dozen", at=NOW, by=ops)
    changed, left_out = actions.change_trait(definition, label="Size", type="number", unit="rooms", at=LATER, by=ops)
    assert (changed.type, changed.unit, changed.proposed, left_out) == ("number", "rooms", False, 1)
    assert [(row.account_id, row.value) for row in current_traits(at=LATER)] == [(fits.pk, Decimal(12))]
    assert Trait.objects.system("test").count() == 3


def test_traits_are_defined_by_those_who_configure_and_once(ops, rep):
    seats(ops)
    with pytest.raises(ValidationError) as refused:
        seats(ops)
    assert list(refused.value.message_dict) == ["key"]
    with pytest.raises(PermissionDenied):
        seats(rep)


def test_the_product_itself_may_write():
    row = account()
    actions.change_account(row, name="New", at=NOW, by=System("import"))
    assert stored(row).name == "New"

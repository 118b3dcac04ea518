"""Who people are: seen, united, in accounts, and what they and their accounts say of themselves by event time."""

from datetime import timedelta
from decimal import Decimal

import pytest

from crm.accounts.models import Account, Trait, TraitDefinition
from crm.accounts.queries import current_traits
from crm.accounts.rules import Held, timeline
from crm.contacts.models import Contact
from crm.people.actions import people_ids, unite
from crm.people.models import Membership, Person
from crm.usage.rules import Drained
from tests import factories
from tests.crm.usage.calls import DAY, at, group, identify, receive, rejects, run, track, usage, when
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def app():
    return factories.source()


def person(external_id: str, anonymous: bool = False) -> Person:
    return Person.objects.get(external_id=external_id, is_anonymous=anonymous)


def contacts() -> list[tuple[str, str, str]]:
    """(account, name, email) of all contacts."""
    rows = Contact.objects.system("test").order_by("id")
    return list(rows.values_list("account__external_id", "name", "email"))


def traits(external_id: str, day_at=NOW) -> dict[str, object]:
    account = Account.objects.system("test").get(external_id=external_id)
    return {row.definition.key: row.value for row in current_traits(at=day_at, accounts=[account.pk])}


def test_people_are_made_once_and_their_first_and_last_seen_widen(app):
    ids = people_ids(app, {"ann": (when(9), when(10)), "bob": (when(9), when(9))}, at=NOW)
    assert people_ids(app, {"ann": (when(8), when(12))}, at=NOW) == {"ann": ids["ann"]}
    assert (person("ann").first_seen_at, person("ann").last_seen_at) == (when(8), when(12))


def test_last_seen_moves_in_steps_of_an_hour(app):
    people_ids(app, {"ann": (when(9), when(9))}, at=NOW)
    people_ids(app, {"ann": (when(9), when(9, 59))}, at=NOW)
    assert person("ann").last_seen_at == when(9)
    people_ids(app, {"ann": (when(9), when(10))}, at=NOW)
    assert person("ann").last_seen_at == when(10)


def test_pointers_stay_one_hop_long_and_never_run_in_a_circle(app):
    ids = people_ids(app, dict.fromkeys("abcd", (when(9), when(9))), at=NOW)
    a, b, c, d = (ids[name] for name in "abcd")
    unite([(a, b), (c, d)], free_only=False)
    unite([(b, d), (d, a), (d, d)], free_only=False)
    assert dict(Person.objects.values_list("pk", "same_as")) == {a: d, b: d, c: d, d: None}


def test_a_shared_device_stays_with_the_first_user_seen_on_it(app):
    receive(app, identify("i1", user="ann", anonymousId="device", timestamp=at(9)))
    receive(app, identify("i2", user="bob", anonymousId="device", timestamp=at(8)))
    run(limit_events=1)
    assert person("device", anonymous=True).same_as == person("ann")
    assert person("bob").same_as is None


def test_an_alias_works_whether_the_former_id_was_anonymous_or_not_and_before_it_was_seen(app):
    receive(app, {"type": "alias", "messageId": "a1", "previousId": "old", "userId": "new"}, group("g1", user="new"))
    run()
    receive(app, track("m1", user="old"), track("m2", user=None, anonymousId="old"))
    assert run() == Drained(batches=1, counted=2)
    assert usage() == {("acme", DAY, "Report opened"): (2, 0)}


def test_group_calls_are_kept_as_memberships_with_their_event_time(app):
    receive(app, group("g1", account="zeta", timestamp=at(12)), group("g2", timestamp=at(8)))
    run()
    rows = Membership.objects.order_by("since_at").values_list("account__external_id", "since_at")
    assert list(rows) == [("acme", when(8)), ("zeta", when(12))]


def test_of_two_group_calls_in_the_same_instant_the_later_one_wins(app):
    receive(app, group("g1", account="zeta"), group("g2", account="acme"), track("m1"))
    run()
    assert usage() == {("acme", DAY, "Report opened"): (1, 0)}


def test_a_group_call_makes_an_account_with_its_name_and_a_late_one_does_not_undo_it(app):
    receive(app, group("g1", timestamp=at(12), traits={"name": "Acme Ltd"}), group("g2", account="bare"))
    run()
    receive(app, group("g3", timestamp=at(11), traits={"name": "Old name"}))
    run()
    accounts = Account.objects.system("test").order_by("external_id").values_list("external_id", "name", "name_at")
    assert list(accounts) == [("acme", "Acme Ltd", when(12)), ("bare", "bare", None)]


def test_traits_are_typed_by_their_first_value_and_kept_with_their_time(app):
    told = {"employees": 40, "industry": "Hotels", "is_partner": True, "joined": "2024-05-06T07:08:09Z", "mrr": 12.5}
    receive(app, group("g1", traits=told))
    run()
    assert dict(TraitDefinition.objects.values_list("key", "type")) == {
        "employees": "number",
        "industry": "text",
        "is_partner": "flag",
        "joined": "date",
        "mrr": "number",
    }
    assert set(TraitDefinition.objects.values_list("proposed", flat=True)) == {True}
    found = traits("acme")
    assert (found["employees"], found["mrr"], found["industry"]) == (40, Decimal("12.5"), "Hotels")
    assert (found["is_partner"], str(found["joined"])) == (True, "2024-05-06")
    assert set(Trait.objects.system("test").values_list("at", "recorded_at")) == {(when(8), NOW)}


def test_a_value_that_does_not_fit_is_refused_with_its_reason_and_the_others_are_kept(app):
    receive(app, group("g1", traits={"employees": 40}))
    run()
    receive(app, group("g2", timestamp=at(9), traits={"employees": "many", "plan": "pro", "address": {"city": "Bonn"}}))
    assert run().refused == 2
    assert traits("acme") == {"employees": 40, "plan": "pro"}
    assert rejects() == [
        (0, "g2", "employees: This is not a number. Write it with a point, such as 1240.5."),
        (0, "g2", "address: This is a list or an object. Send each of its values as a trait of its own."),
    ]


def test_late_traits_do_not_overwrite_newer_ones_trait_by_trait(app):
    receive(app, group("g1", timestamp=at(10), traits={"plan": "pro"}))
    run()
    receive(app, group("g2", timestamp=at(9), traits={"plan": "free", "seats": 5}))
    run()
    assert traits("acme") == {"plan": "pro", "seats": 5}
    assert traits("acme", when(9, 30)) == {"plan": "free", "seats": 5}


def test_a_late_call_does_not_undo_a_value_that_was_confirmed_after_it(app):
    for message, hour, plan in (("g1", 8, "pro"), ("g2", 12, "pro"), ("g3", 10, "free")):
        receive(app, group(message, timestamp=at(hour), traits={"plan": plan}))
        run()
    assert traits("acme") == {"plan": "pro"}
    rows = Trait.objects.system("test").order_by("at").values_list("at", "text")
    assert list(rows) == [(when(8), "pro"), (when(10), "free"), (when(12), "pro")]


def test_an_empty_value_un_sets_nothing(app):
    receive(app, group("g1", traits={"plan": "pro", "name": "Acme Ltd"}))
    receive(app, group("g2", timestamp=at(9), traits={"plan": None, "name": ""}))
    run()
    assert (traits("acme"), Account.objects.system("test").get().name) == ({"plan": "pro"}, "Acme Ltd")


def test_reports_of_one_instant_come_after_one_another():
    rows = timeline([], [(when(8), "a"), (when(8), "b"), (when(8), "b")])
    tick = timedelta(microseconds=1)
    assert rows == [
        Held(when(8), "a", None, is_new=True),
        Held(when(8) + tick, "b", when(8) + tick, is_new=True),
    ]


def test_identify_makes_a_contact_at_the_person_s_account(app):
    told = {"email": "Ann@Acme.example", "firstName": "Ann", "lastName": "Lee", "title": "CTO", "locale": "ko-KR"}
    receive(app, group("g1"), identify("i1", traits=told))
    run()
    contact = Contact.objects.system("test").get()
    assert (contact.name, contact.email, contact.job_title) == ("Ann Lee", "Ann@Acme.example", "CTO")
    assert (contact.language, contact.traits_at, contact.account.external_id) == ("ko", when(8), "acme")
    assert person("ann").contact == contact


def test_identify_before_the_group_call_makes_the_contact_when_that_comes(app):
    receive(app, identify("i1", traits={"email": "ann@acme.example", "name": "Ann"}))
    run()
    assert contacts() == []
    receive(app, group("g1"))
    run()
    assert contacts() == [("acme", "Ann", "ann@acme.example")]


def test_identify_with_a_group_in_its_context_needs_no_membership(app):
    factories.account(external_id="acme")
    receive(app, identify("i1", traits={"email": "ann@acme.example"}, context={"groupId": "acme"}))
    run()
    assert contacts() == [("acme", "ann", "ann@acme.example")]


def test_late_identify_calls_do_not_overwrite_newer_traits(app):
    receive(app, group("g1"), identify("i1", timestamp=at(10), traits={"email": "ann@acme.example", "name": "Ann"}))
    run()
    receive(app, identify("i2", timestamp=at(9), traits={"name": "Old", "title": "CTO", "plan": "pro"}))
    run()
    assert person("ann").traits == {"email": "ann@acme.example", "name": "Ann", "title": "CTO", "plan": "pro"}
    contact = Contact.objects.system("test").get()
    assert (contact.name, contact.job_title) == ("Ann", "CTO")


def test_a_rep_s_correction_stands_until_the_app_says_something_new(app):
    receive(app, group("g1"), identify("i1", traits={"email": "ann@acme.example", "name": "ann"}))
    run()
    Contact.objects.system("test").update(name="Ann Lee")
    receive(app, identify("i2", timestamp=at(9), traits={"email": "ann@acme.example", "name": "ann"}))
    run()
    assert contacts() == [("acme", "Ann Lee", "ann@acme.example")]
    receive(app, identify("i3", timestamp=at(10), traits={"name": "Ann Kim"}))
    run()
    assert contacts() == [("acme", "Ann Kim", "ann@acme.example")]


def test_a_contact_with_the_address_is_taken_whatever_its_case(app):
    acme = factories.account(external_id="acme")
    known = factories.contact(acme, name="Ann Lee", email="ANN@acme.example", phone="1")
    receive(app, group("g1"), identify("i1", traits={"email": "ann@acme.example", "title": "CTO"}))
    run()
    known.refresh_from_db()
    assert (known.name, known.job_title, known.phone, person("ann").contact) == ("Ann Lee", "CTO", "1", known)
    assert Contact.objects.system("test").count() == 1


def test_two_people_with_one_address_at_an_account_share_its_contact(app):
    told = {"email": "office@acme.example", "name": "Office"}
    receive(app, group("g1"), group("g2", user="bob"))
    receive(app, identify("i1", traits=told), identify("i2", user="bob", traits=told))
    run()
    assert contacts() == [("acme", "Office", "office@acme.example")]
    assert person("ann").contact == person("bob").contact


def test_a_person_in_two_accounts_is_a_contact_of_each_and_none_is_moved(app):
    told = {"email": "ann@x.example", "name": "Ann"}
    receive(app, group("g1", account="acme"), identify("i1", traits=told))
    run()
    receive(app, group("g2", account="zeta", timestamp=at(9)), identify("i2", timestamp=at(10), traits=told | {"a": 1}))
    run()
    assert contacts() == [("acme", "Ann", "ann@x.example"), ("zeta", "Ann", "ann@x.example")]


def test_who_left_or_was_erased_stays_as_they_are(app):
    acme = factories.account(external_id="acme")
    left = factories.contact(acme, name="Bob", email="bob@acme.example", left_on=DAY)
    erased = factories.contact(acme, name="", email="", erased_at=NOW)
    receive(app, group("g1"), group("g2", user="bob"))
    run()
    Person.objects.filter(external_id="ann").update(contact=erased)
    receive(app, identify("i1", timestamp=at(9), traits={"email": "ann@acme.example", "name": "Ann"}))
    receive(app, identify("i2", user="bob", timestamp=at(9), traits={"email": "bob@acme.example", "name": "Robert"}))
    run()
    assert contacts() == [("acme", "Bob", "bob@acme.example"), ("acme", "", "")]
    assert person("bob").contact == left


def test_an_address_that_is_none_is_refused_with_a_reason(app):
    receive(app, group("g1"), identify("i1", traits={"email": "nobody", "name": "Ann"}))
    assert run().refused == 1
    assert contacts() == []
    assert rejects() == [(1, "i1", "email: this is not an address, so no contact was made from it.")]


def test_events_of_a_merged_account_stay_with_the_one_they_name(app):
    into = factories.account(external_id="zeta")
    factories.account(external_id="acme", merged_into=into)
    receive(app, track("m1", groupId="acme"))
    run()
    assert usage() == {("acme", DAY, "Report opened"): (1, 0)}

"""Accounts, contacts, plans and subscriptions from files: as the file says, once, and each refusal with its reason."""

from datetime import date
from decimal import Decimal

import pytest

from crm.accounts.models import Account, OwnerChange, Trait, TraitDefinition
from crm.audit.models import AuditRow
from crm.contacts.models import Contact
from crm.imports.models import ImportRefusal, ImportRun
from crm.plans.models import Plan
from crm.subscriptions.models import Subscription, SubscriptionChange
from tests import factories

pytestmark = pytest.mark.django_db


def counts() -> tuple[int, int, int, int]:
    run = ImportRun.objects.latest("id")
    return run.created, run.updated, run.unchanged, run.refused


def reasons() -> list[tuple[int, str]]:
    return list(
        ImportRefusal.objects.filter(run=ImportRun.objects.latest("id")).order_by("id").values_list("line", "reason")
    )


def accounts() -> list[Account]:
    return list(Account.objects.system("test").order_by("external_id"))


def changes() -> list[tuple[object, ...]]:
    rows = SubscriptionChange.objects.system("test").order_by("effective_on", "id")
    return list(rows.values_list("subscription__external_id", "effective_on", "ends_on", "seats", "price", "mrr"))


def test_accounts_are_made_changed_and_left_alone(import_text) -> None:
    import_text("accounts", "id,name,segment,tags\na,Alpha,Large,vip; pilot\nb,Beta,Small,\n")
    assert counts() == (2, 0, 0, 0)
    import_text("accounts", "id,name,segment\na,Alpha,Large\nb,Beta & Co,\nc,Gamma,\n")
    assert counts() == (1, 1, 1, 0)
    assert [(row.external_id, row.name, row.segment, row.tags) for row in accounts()] == [
        ("a", "Alpha", "Large", ["vip", "pilot"]),
        ("b", "Beta & Co", "Small", []),
        ("c", "Gamma", "", []),
    ]


def test_every_column_of_an_account_arrives(import_text) -> None:
    user = factories.user(email="mina@ours.example")
    factories.installation(currency="KRW")
    header = "external_id;name;domains;stage;time zone;language;owner;customer since"
    import_text(
        "accounts",
        f"{header}\na;Ålpha;https://www.alpha.example/x;Onboarding;Asia/Seoul;ko;MINA@ours.example;2024-02-29\n",
    )
    (row,) = accounts()
    assert (
        row.name,
        row.domains,
        row.stage,
        row.time_zone,
        row.language,
        row.currency,
        row.owner,
        row.customer_since,
    ) == (
        "Ålpha",
        ["alpha.example"],
        "onboarding",
        "Asia/Seoul",
        "ko",
        "KRW",
        user,
        date(2024, 2, 29),
    )
    assert [(change.account_id, change.owner) for change in OwnerChange.objects.system("test")] == [(row.pk, user)]


def test_a_new_owner_is_a_new_line_of_history_and_ends_the_pool(import_text) -> None:
    user, team = factories.user(email="mina@ours.example"), factories.team()
    row = factories.account(external_id="a", pool=team)
    for _again in range(2):
        import_text("accounts", "id,owner\na,mina@ours.example\n")
    row.refresh_from_db()
    assert (row.owner, row.pool) == (user, None)
    assert [change.owner for change in OwnerChange.objects.system("test")] == [user]


def test_traits_get_the_type_that_all_their_values_fit_and_are_appended_when_they_change(import_text) -> None:
    text = "id,trait:seats_wanted,trait:code,trait:signed,trait:since\n"
    import_text("accounts", text + "a,12,007,yes,2024-01-31\nb,12.5,8,no,\n")
    assert dict(TraitDefinition.objects.values_list("key", "type")) == {
        "seats_wanted": "number",
        "code": "text",
        "signed": "flag",
        "since": "date",
    }
    import_text("accounts", text + "a,12,007,yes,2024-01-31\nb,13,8,no,\n")
    assert counts() == (0, 1, 1, 0)
    rows = Trait.objects.system("test").filter(definition__key="seats_wanted").order_by("id")
    assert [(row.account.external_id, row.value) for row in rows] == [
        ("a", Decimal("12")),
        ("b", Decimal("12.5")),
        ("b", Decimal("13")),
    ]


def test_a_value_that_does_not_fit_a_defined_trait_is_refused_with_the_reason(import_text) -> None:
    TraitDefinition.objects.create(key="size", label="Size", type="number")
    code, _said = import_text("accounts", "id,trait:size\na,many\nb,4\n")
    assert (code, counts()) == (3, (1, 0, 0, 1))
    assert reasons() == [(2, "Column trait:size: This is not a number. Write it with a point, such as 1240.5.")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",x,,,", "The column external_id is empty. Fill it in, or leave the row out."),
        ("a,x,gone,,", "Column stage: gone is not one of trial, onboarding, live, churned, let_go."),
        ("a,x,,Atlantis/City,", "Column time_zone: Atlantis/City is not a time zone such as Europe/Paris."),
        ("a,x,,,XXX", "XXX is not a currency. Write a code such as EUR."),
        ("a,x,,", "The row does not fit the header: it has 4 in place of 5 cells."),
        ("a,x\0y,,,", "Column name: A text holds the character NUL (\\u0000), which cannot be stored. Remove it."),
        ("a," + "x" * 256 + ",,,", "Column name: The text is longer than 255 characters. Shorten it."),
    ],
)
def test_bad_accounts_are_refused_one_by_one(import_text, row, reason) -> None:
    code, _said = import_text("accounts", f"id,name,stage,time_zone,currency\n{row}\nz,good,,,\n")
    assert (code, reasons(), [account.name for account in accounts()]) == (3, [(2, reason)], ["good"])


def test_rows_that_contradict_an_earlier_one_are_refused_and_equal_ones_are_not(import_text) -> None:
    import_text("accounts", "id,name\na,Alpha\na,Alpha\na,Other\n")
    assert counts() == (1, 0, 1, 1)
    assert reasons() == [(4, "Line 2 says something else about the same id. Keep one of the two.")]


def test_formulas_are_kept_as_texts(import_text) -> None:
    import_text("accounts", "id,name\na,=cmd()\nb,'=1+1\n")
    assert [row.name for row in accounts()] == ["=cmd()", "=1+1"]


def test_direction_marks_are_stripped_and_letters_composed(import_text) -> None:
    import_text("accounts", "id,name\na,Cafe\u0301\u202e\n")
    assert [row.name for row in accounts()] == ["Café"]


def test_contacts_are_known_by_id_by_address_and_by_name(import_text) -> None:
    factories.account(external_id="a")
    header = "account,user_id,name,email,role\n"
    import_text("contacts", header + "a,7,Ann,ann@a.example,champion\na,,Bo,bo@a.example,\na,,Cy,,\n")
    assert counts() == (3, 0, 0, 0)
    import_text("contacts", header + "a,7,Ann,ann.new@a.example,champion\na,8,Bo,BO@a.example,Decides\na,,Cy,,\n")
    assert counts() == (0, 2, 1, 0)
    rows = Contact.objects.system("test").order_by("name").values_list("external_id", "name", "email", "role")
    assert list(rows) == [
        ("7", "Ann", "ann.new@a.example", "champion"),
        ("8", "Bo", "BO@a.example", "decision_maker"),
        (None, "Cy", "", "user"),
    ]
    assert len({bytes(row.audit_key) for row in Contact.objects.system("test")}) == 3


def test_a_contact_whose_id_another_account_has_is_refused_and_its_neighbours_are_not(import_text) -> None:
    factories.contact(factories.account(external_id="a"), external_id="7")
    factories.account(external_id="b")
    code, _said = import_text("contacts", "account,id,name\nb,6,Six\nb,7,Seven\nb,8,Eight\nnone,9,Nine\nb,10,\n")
    assert (code, counts()) == (3, (2, 0, 0, 3))
    assert reasons() == [
        (3, "Another contact has this external id or this e-mail address."),
        (5, "There is no account with the external id none. Import the accounts first."),
        (6, "A contact needs a name or an e-mail address."),
    ]


def test_plans_take_their_list_of_features(import_text) -> None:
    features = [factories.feature(key) for key in ("search", "lists", "calls")]
    import_text("plans", "plan,name,features,everything\nbasic,Basic,search;lists,\nfull,Full,,yes\n")
    import_text("plans", "plan,features\nbasic,lists;calls\n")
    assert counts() == (0, 1, 0, 0)
    basic, full = Plan.objects.order_by("external_id")
    assert list(basic.features.order_by("id")) == features[1:]
    assert (full.name, full.includes_everything, full.features.count()) == ("Full", True, 0)
    code, _said = import_text("plans", "plan,features\nodd,nothing\n")
    assert (code, reasons()) == (3, [(2, "There is no feature with the key nothing.")])


def test_subscriptions_become_lines_with_a_change_for_each_term(import_text) -> None:
    row = factories.account(external_id="a", customer_since=None)
    factories.plan(external_id="basic")
    text = (
        "account,subscription,plan,start,end,seats,mrr,discount,billing_months\n"
        "a,main,basic,2022-02-11,2022-03-11,10.0,100,0.35000000000000003,1\n"
        "a,main,basic,2022-01-11,2022-02-11,5,95,,6\n"
    )
    import_text("subscriptions", text)
    assert counts() == (2, 0, 0, 0)
    # 95 a month for half a year is 570.00 at once; 100 less 35 % is 65.00.
    assert changes() == [
        ("main", date(2022, 1, 11), date(2022, 2, 11), 5, Decimal("570.00"), Decimal("95")),
        ("main", date(2022, 2, 11), date(2022, 3, 11), 10, Decimal("65.00"), Decimal("65")),
    ]
    row.refresh_from_db()
    assert row.customer_since == date(2022, 1, 11)
    import_text("subscriptions", text)
    assert (counts(), len(changes()), Subscription.objects.system("test").count()) == ((0, 0, 2, 0), 2, 1)


def test_a_price_is_per_billing_period_and_a_corrected_one_is_appended(import_text) -> None:
    factories.account(external_id="a", currency="USD")
    import_text("subscriptions", "account,start,price,months\na,2022-01-01,100,3\n")
    import_text("subscriptions", "account,start,price,months\na,2022-01-01,120,3\n")
    assert [change[4:] for change in changes()] == [
        (Decimal("100.00"), Decimal("33.333333")),
        (Decimal("120.00"), Decimal("40.000000")),
    ]
    assert set(SubscriptionChange.objects.system("test").values_list("currency", flat=True)) == {"USD"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            "a,2022-01-01,2021-12-31,,100,,",
            "The term ends on 2021-12-31 but starts on 2022-01-01; the end is the first day that is not paid.",
        ),
        (
            "a,2022-01-01,2022-01-01,,100,,",
            "The term ends on 2022-01-01 but starts on 2022-01-01; the end is the first day that is not paid.",
        ),
        ("a,2022-01-01,,-5,100,,", "Column seats: -5 is not a whole number from 0 to 2147483647."),
        ("a,2022-01-01,,1.5,100,,", "Column seats: 1.5 is not a whole number from 0 to 2147483647."),
        ("a,2022-01-01,,,NaN,,", "Column mrr: NaN is not a number such as 1234.50, without thousands marks."),
        ("a,2022-01-01,,,-1,,", "The price -1.00 is negative or too large."),
        ("a,2022-01-01,,,1e20,,", "A number is beyond ±9,007,199,254,740,992. Send it as text."),
        ("a,2022-01-01,,,100,ZZZ,", "ZZZ is not a currency. Write a code such as EUR."),
        ("a,9999-12-31,,,100,,", "Column start: 9999-12-31 is outside the years 2000 to 2100."),
        ("a,1999-12-31,,,100,,", "Column start: 1999-12-31 is outside the years 2000 to 2100."),
        ("a,soon,,,100,,", "Column start: soon is not a date. Write it as 2026-11-21."),
        ("a,,,,100,,", "The column start is empty. Fill it in, or leave the row out."),
        ("a,2022-01-01,,,,,", "Neither a price nor an MRR is given."),
        ("a,2022-01-01,,,100,,gold", "There is no plan with the external id gold. Import the plans first."),
        ("b,2022-01-01,,,100,,", "There is no account with the external id b. Import the accounts first."),
    ],
)
def test_bad_subscriptions_are_refused_one_by_one(import_text, row, reason) -> None:
    factories.account(external_id="a")
    code, _said = import_text(
        "subscriptions", f"account,start,end,seats,mrr,currency,plan\n{row}\na,2023-01-01,,,7,,\n"
    )
    assert (code, reasons()) == (3, [(2, reason)])
    assert [change[1] for change in changes()] == [date(2023, 1, 1)]


def test_a_run_leaves_two_audit_rows_and_no_personal_value(import_text) -> None:
    factories.account(external_id="a")
    import_text("contacts", "account,name,email\na,Ann Canary,ann@a.example\n")
    rows = AuditRow.objects.order_by("id")
    assert [(row.action, row.actor_label) for row in rows] == [
        ("import.started", "import_file"),
        ("import.finished", "import_file"),
    ]
    assert rows[1].after == {"read": 1, "created": 1, "updated": 0, "unchanged": 0, "refused": 0}
    assert not [row for row in rows if "Canary" in str(row.after)]

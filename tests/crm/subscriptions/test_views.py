"""The subscriptions page of an account, and the forms that append changes."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.subscriptions.models import SubscriptionChange
from tests.factories import account, installation, plan, subscription, team, user

pytestmark = pytest.mark.django_db
TERMS = {
    "external_id": "line",
    "effective_on": "2026-01-01",
    "price": "1200",
    "billing_months": "12",
    "currency": "EUR",
    "seats": "25",
}


def test_a_rep_records_a_subscription_its_change_and_its_end(as_user, rep):
    of, pro = account(owner=rep), plan()
    client = as_user(rep)
    client.post(f"/accounts/{of.pk}/subscriptions/new/", TERMS | {"plan": pro.pk, "renews_on": "2027-01-01"})
    first = SubscriptionChange.objects.system("test").get()
    assert (first.mrr, first.seats, first.plan, first.renews_on) == (Decimal(100), 25, pro, date(2027, 1, 1))
    form = client.get(f"/subscriptions/{first.subscription_id}/change/").context["form"]
    assert (form.initial["price"], form.initial["plan"]) == (Decimal(1200), pro.pk)
    change = TERMS | {"effective_on": "2026-07-01", "price": "2400"}
    client.post(f"/subscriptions/{first.subscription_id}/change/", change)
    client.post(f"/subscriptions/{first.subscription_id}/end/", {"on": "2026-10-01"})
    page = client.get(f"/accounts/{of.pk}/subscriptions/")
    moves = [(move.kind, move.amount) for move, _word, _then in page.context["moves"]]
    assert moves == [("churn", Decimal(-200)), ("expansion", Decimal(100)), ("new", Decimal(100))]
    body = page.content.decode()
    for words in ("Churn", "−€200", "+€100", "1 Oct 2026", "not paid today"):
        assert words in body
    assert [(day.isoformat(), mrr) for day, mrr in page.context["drawn"]] == [
        ("2026-01-01", Decimal(100)), ("2026-07-01", Decimal(200)), ("2026-10-01", Decimal(0)),
    ]  # fmt: skip
    assert "From 1 Jan 2026 to " in body  # what the picture says to those who do not see it


@pytest.mark.parametrize(
    ("place", "typed", "price", "shown"),
    [
        ("de_DE", "1.240,50", "1240.50", "1240,50"),
        ("de_DE", "1240.5", "1240.50", "1240,50"),
        ("de_DE", "1.240", "1240", "1240,00"),
        ("", "1,240.50", "1240.50", "1240.50"),
        ("", "1240", "1240", "1240.00"),
    ],
)
def test_a_price_is_read_and_shown_as_the_person_writes_numbers(as_user, place, typed, price, shown):
    rep = user("rep", place=place)
    of = account(owner=rep)
    client = as_user(rep)
    client.post(f"/accounts/{of.pk}/subscriptions/new/", TERMS | {"price": typed, "billing_months": "1"})
    row = SubscriptionChange.objects.system("test").get()
    assert row.price == Decimal(price)
    assert f'value="{shown}"' in client.get(f"/subscriptions/{row.subscription_id}/change/").content.decode()


def test_what_holds_today_stands_beside_its_history(as_user, rep):
    of = account(owner=rep)
    subscription(of, 100, seats=10, renews_on=date(2099, 1, 1), notice_on=date(2098, 10, 1))
    subscription(of, 20, seats=5, currency="USD")
    body = as_user(rep).get(f"/accounts/{of.pk}/subscriptions/").content.decode()
    assert "A rate is missing" in body
    assert ">15<" in body
    assert "Notice by 1 Oct 2098, in" in body


@pytest.mark.parametrize(
    ("more", "field", "words"),
    [
        ({"price": "-1"}, "price", "Ensure this value is greater than or equal to 0."),
        ({"price": "1.005"}, "price", "Ensure that there are no more than 2 decimal places."),
        ({"price": "NaN"}, "price", "“NaN” is not a number as you write them. Write it such as 1,240.50."),
        ({"price": "1.240,50"}, "price", "“1.240,50” is not a number as you write them. Write it such as 1,240.50."),
        ({"price": "9" * 10_000}, "price", "The text is longer than 40 characters. Shorten it."),
        ({"price": "1e30"}, "price", "“1e30” is not a number as you write them. Write it such as 1,240.50."),
        ({"price": "1" + "0" * 19}, "price", "Ensure that there are no more than 14 digits in total."),
        ({"billing_months": "0"}, "billing_months", "Ensure this value is greater than or equal to 1."),
        (
            {"ends_on": "2025-12-31"},
            "ends_on",
            "The end is before the start. It is the first day that is no longer paid.",
        ),
        ({"effective_on": "9999-12-31"}, "effective_on", "Enter a day in the years 1970 to 2199."),
        ({"external_id": "taken"}, "external_id", "This account has a subscription with this id already."),
    ],
)
def test_bad_input_is_said_at_its_field(as_user, rep, more, field, words):
    of = account(owner=rep)
    subscription(of).subscription.__class__.objects.system("test").update(external_id="taken")
    response = as_user(rep).post(f"/accounts/{of.pk}/subscriptions/new/", TERMS | more)
    assert response.context["form"].errors == {field: [words]}
    assert SubscriptionChange.objects.system("test").count() == 1


def test_an_end_that_makes_no_sense_is_said_at_its_field(as_user, rep):
    row = subscription(account(owner=rep), effective_on=date(2026, 1, 1))
    response = as_user(rep).post(f"/subscriptions/{row.subscription_id}/end/", {"on": "2025-12-31"})
    assert response.context["end_form"].errors == {"on": ["The subscription begins only after this day."]}


def test_foreign_subscriptions_are_not_there_and_colleagues_are_not_to_be_changed(as_user):
    ours = team()
    rep = user("rep", team=ours)
    near, far = subscription(account(owner=user("rep", team=ours))), subscription(account(owner=user()))
    client = as_user(rep)
    assert client.get(f"/accounts/{near.account_id}/subscriptions/").status_code == 200
    assert client.get(f"/accounts/{near.account_id}/subscriptions/new/").status_code == 403
    assert client.get(f"/subscriptions/{near.subscription_id}/change/").status_code == 403
    assert client.get(f"/accounts/{far.account_id}/subscriptions/").status_code == 404
    assert client.get(f"/subscriptions/{far.subscription_id}/change/").status_code == 404
    assert client.post(f"/subscriptions/{far.subscription_id}/end/").status_code == 404


def test_the_page_takes_as_many_queries_for_three_lines_as_for_one(as_user, rep):
    installation()
    of = account(owner=rep)
    client = as_user(rep)
    counts = []
    for more in (1, 2):
        for _ in range(more):
            subscription(of, plan=plan())
        client.get(f"/accounts/{of.pk}/subscriptions/")
        with CaptureQueriesContext(connection) as captured:
            client.get(f"/accounts/{of.pk}/subscriptions/")
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert counts[0] <= 12

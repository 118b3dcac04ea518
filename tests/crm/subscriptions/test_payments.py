"""Payments: what failed, is disputed or was settled, and what of it is open on any day."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse

from crm.audit.models import AuditRow
from crm.subscriptions import rules
from crm.subscriptions.actions import record_payment
from crm.subscriptions.models import Payment, Subscription
from crm.subscriptions.queries import troubles
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
START = date(2026, 11, 1)


def day(n: int) -> date:
    return START + timedelta(days=n - 1)


def recorded(line: Subscription, kind: str, on: int, **more: Any) -> Payment:
    given: dict[str, Any] = {"currency": "EUR", "at": NOW, "by": line.account.owner} | more
    return record_payment(line, kind=kind, on=day(on), **given)


@pytest.fixture
def line() -> Subscription:
    return factories.subscription(factories.account("Nordwind", owner=factories.user("rep"))).subscription


def test_what_failed_is_open_until_it_is_settled_and_a_dispute_outweighs_a_failure(line):
    recorded(line, "failed", 3, invoice="A", amount=Decimal(100))
    recorded(line, "failed", 5, invoice="A")
    recorded(line, "failed", 4, invoice="B", amount=Decimal(7))
    recorded(line, "disputed", 6, invoice="B")
    recorded(line, "settled", 8, invoice="A", at=NOW + timedelta(hours=1))
    recorded(line, "failed", 10, invoice="A", amount=Decimal(90))

    def stood(on: int, **more: Any) -> list[Any]:
        return [(one.invoice, one.kind, one.since.day, one.failures, one.amount) for one in troubles(day(on), **more)]

    b_disputed = ("B", "disputed", 4, 1, Decimal(7))
    assert stood(2) == []
    assert stood(5) == [("A", "failed", 3, 2, Decimal(100)), ("B", "failed", 4, 1, Decimal(7))]
    assert stood(8, accounts=[line.account_id]) == [b_disputed]
    # As far as was known by then, A was not settled.
    assert stood(8, known=NOW) == [("A", "failed", 3, 2, Decimal(100)), b_disputed]
    assert stood(10) == [b_disputed, ("A", "failed", 10, 1, Decimal(90))]


def test_the_statement_says_what_the_rule_says(line):
    random = Random(3)
    lines = [line, factories.subscription(factories.account(merged_into=line.account)).subscription]
    for _ in range(60):
        of = random.choice(lines)
        Payment.objects.create(
            account=of.account, subscription=of, kind=random.choice(["failed", "disputed", "settled"]),
            on=day(random.randrange(1, 25)), invoice=random.choice(["", "A", "B"]), currency="EUR", recorded_at=NOW,
            amount=random.choice([None, Decimal(5), Decimal(9)]),
        )  # fmt: skip
    for on in range(0, 27, 2):
        by_rule = {
            (of.pk, one.invoice): one
            for of in lines
            for one in rules.troubles(
                [
                    rules.Payment(row.on, row.kind, row.invoice, row.amount)
                    for row in Payment.objects.system("test").filter(subscription=of).order_by("on", "id")
                ],
                day(on),
            )
        }
        by_rows = {
            (row.subscription_id, row.invoice): rules.Trouble(
                row.invoice, row.kind, row.since, row.failures, row.amount
            )
            for row in troubles(day(on), accounts=[line.account_id])
        }
        assert by_rows == by_rule


def test_what_is_refused(line):
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("kind", {"kind": "late"}), ("on", {"on": 19}), ("amount", {"amount": Decimal(-1)}),
        ("currency", {"currency": "EUX"}),
    ]  # fmt: skip
    for name, given in wrong:
        with pytest.raises(ValidationError) as refused:
            recorded(line, given.pop("kind", "failed"), given.pop("on", 3), **given)
        assert list(refused.value.message_dict) == [name]
    recorded(line, "failed", 3, external_id="p-1", why="Lena Vogt let it bounce")
    with pytest.raises(ValidationError, match="this id already"):
        recorded(line, "failed", 4, external_id="p-1")
    with pytest.raises(PermissionDenied):
        recorded(line, "failed", 4, by=factories.user("rep"))
    assert list(AuditRow.objects.values_list("action", flat=True)) == ["payment.failed"]
    assert "Lena" not in str(AuditRow.objects.values())


def test_a_settlement_that_would_settle_nothing_is_asked_about_and_what_was_typed_stays(line, client):
    recorded(line, "failed", 5, invoice="A-7")
    client.force_login(line.account.owner)
    there = reverse("payment-new", args=[line.account_id])

    def said(on: str, invoice: str) -> str:
        form = {
            "subscription": line.pk,
            "kind": "settled",
            "on": on,
            "currency": "EUR",
            "invoice": invoice,
            "why": "Paid",
        }
        answer = client.post(there, form)
        return "" if answer.status_code == 302 else answer.content.decode()

    too_early = said("2026-11-04", "A-7")
    assert "It failed or was disputed on 2026-11-05. Enter that day or a later one." in too_early
    assert 'value="2026-11-04"' in too_early and 'value="Paid"' in too_early
    for number in ("", "A-8"):
        assert "Enter that of what failed, such as A-7." in said("2026-11-06", number)
    assert said("2026-11-05", "A-7") == "" and troubles(day(5)) == []
    Payment.objects.system("test").all().delete()
    assert "Record that first." in said("2026-11-06", "")


def test_the_pages_say_what_is_open(line, client):
    client.force_login(line.account.owner)
    form = {"subscription": line.pk, "kind": "failed", "on": "2026-11-03", "amount": "1,240", "currency": "EUR"}
    client.post(reverse("payment-new", args=[line.account_id]), form)
    recorded(line, "failed", 5, amount=Decimal(1240))
    for name in ("account", "subscriptions"):
        page = client.get(reverse(name, args=[line.account_id])).content.decode()
        assert "A payment failed 2 times since 3 Nov, €1,240." in page
    recorded(line, "settled", 6)
    page = client.get(reverse("account", args=[line.account_id])).content.decode()
    assert "A payment failed 2 times" not in page
    assert "A payment was settled" in page  # in what happened

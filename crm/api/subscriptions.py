"""What accounts pay: lines, and the changes that are appended to them."""

from typing import Any

from rest_framework import serializers
from rest_framework.decorators import action

from crm.api.bodies import AccountField, Body, Day, Id, RowField, Text
from crm.api.nouns import OfAccount, Readable, Shape
from crm.plans.models import Plan
from crm.subscriptions import actions
from crm.subscriptions.actions import Terms
from crm.subscriptions.models import Payment, PaymentKind, Subscription, SubscriptionChange

LARGEST = 2_147_483_647


class SubscriptionShape(Shape):
    class Meta:
        model = Subscription
        fields = ("id", "account", "external_id", "plan", "created_at")


class ChangeShape(Shape):
    class Meta:
        model = SubscriptionChange
        fields = (
            "id", "account", "subscription", "effective_on", "ends_on", "plan", "seats", "price", "billing_months",
            "currency", "mrr", "renews_on", "notice_on", "recorded_at",
        )  # fmt: skip


class TermsBody(Body):
    effective_on = Day(help_text="the first day on which this holds")
    price = serializers.DecimalField(
        max_digits=14, decimal_places=2, min_value=0, help_text="per billing period, after discounts"
    )
    billing_months = serializers.IntegerField(min_value=1, max_value=120, required=False, default=1)
    currency = Text(max_length=3)
    plan = RowField(rows=lambda user: Plan.objects.all(), required=False, allow_null=True, default=None)
    seats = serializers.IntegerField(min_value=0, max_value=LARGEST, required=False, allow_null=True, default=None)
    ends_on = Day(required=False, allow_null=True, default=None, help_text="the first day that is no longer paid")
    renews_on = Day(required=False, allow_null=True, default=None)
    notice_on = Day(required=False, allow_null=True, default=None)


class NewSubscriptionBody(TermsBody):
    account = AccountField()
    external_id = Text(max_length=255)


class UpsertBody(TermsBody):
    account = AccountField(help_text="external ids of subscriptions are unique at their account")


class EndBody(Body):
    on = Day(help_text="the first day that is no longer paid")


class AskedSubscriptions(OfAccount):
    external_id = Text(max_length=255, required=False)


class Subscriptions(Readable):
    """Lines of what accounts buy. What one costs stands in its changes."""

    group = "subscriptions"
    serializer_class = SubscriptionShape
    asked = AskedSubscriptions
    upserts = frozenset({"upsert"})
    takes = {"create": NewSubscriptionBody, "change": TermsBody, "end": EndBody, "upsert": UpsertBody}

    def rows(self) -> Any:
        return Subscription.objects.visible_to(self.request.user).select_related("account__owner")

    def create(self, request: Any) -> Any:
        """Begin a line with its first terms."""
        given = self.given()
        account, external_id = given.pop("account"), given.pop("external_id")
        return self.written(lambda: self._opened(account, external_id, Terms(**given)), 201)

    @action(detail=True, methods=["post"], url_path="changes")
    def change(self, request: Any, pk: int) -> Any:
        """Append what the line is from a day on; answers with the line."""
        line, terms = self.found(pk), Terms(**self.given())
        return self.written(lambda: self._changed(line, terms))

    @action(detail=True, methods=["post"], url_path="end")
    def end(self, request: Any, pk: int) -> Any:
        """Say that nothing is paid from a day on; answers with the line."""
        line, given = self.found(pk), self.given()

        def work() -> Any:
            actions.end_subscription(line, **given, at=request.now, by=request.user)
            return line

        return self.written(work)

    @action(detail=False, methods=["put"], url_path="by-external-id/<path:external_id>")
    def upsert(self, request: Any, external_id: str) -> Any:
        """Begin the account's line of this external id (201), or append these terms to the one that has it (200).

        The terms that the line has on that day already are not appended again.
        """
        given = self.given()
        account, terms = given.pop("account"), Terms(**given)
        line = self.rows().filter(account=account, external_id=external_id).first()
        if line is not None:
            return self.written(lambda: line if self._stands(line, terms) else self._changed(line, terms))
        name = Text(max_length=255).run_validation(external_id)
        return self.written(lambda: self._opened(account, name, terms), 201)

    def _opened(self, account: Any, external_id: str, terms: Terms) -> Any:
        by, at = self.request.user, self.request.now
        return actions.open_subscription(account, external_id=external_id, terms=terms, at=at, by=by).subscription

    def _changed(self, line: Any, terms: Terms) -> Any:
        actions.record_change(line, terms=terms, at=self.request.now, by=self.request.user)
        return line

    def _stands(self, line: Any, terms: Terms) -> bool:
        rows = SubscriptionChange.objects.system("of a line that is seen").filter(subscription=line)
        held = rows.filter(effective_on=terms.effective_on).select_related("plan").order_by("-id").first()
        return held is not None and all(getattr(held, name) == getattr(terms, name) for name in vars(terms))


class AskedChanges(OfAccount):
    subscription = Id(required=False, source="subscription_id")


class SubscriptionChanges(Readable):
    """What lines cost and hold from which day on; of two rows for one day the later one holds."""

    group = "subscriptions"
    serializer_class = ChangeShape
    asked = AskedChanges

    def rows(self) -> Any:
        return SubscriptionChange.objects.visible_to(self.request.user)


class PaymentShape(Shape):
    class Meta:
        model = Payment
        fields = (
            "id", "account", "subscription", "external_id", "kind", "on", "invoice", "amount", "currency", "why",
            "recorded_at",
        )  # fmt: skip


class PaymentBody(Body):
    subscription = RowField(rows=lambda user: Subscription.objects.visible_to(user).select_related("account__owner"))
    kind = serializers.ChoiceField(choices=PaymentKind.choices)
    on = Day()
    amount = serializers.DecimalField(
        max_digits=14, decimal_places=2, min_value=0, required=False, allow_null=True, default=None
    )
    currency = Text(max_length=3)
    invoice = Text(
        max_length=255, required=False, allow_blank=True, default="", help_text="rows of one are about the same money"
    )
    why = Text(max_length=300, required=False, allow_blank=True, default="")


class NewPaymentBody(PaymentBody):
    external_id = Text(max_length=255, required=False, allow_null=True, default=None)


class AskedPayments(OfAccount):
    subscription = Id(required=False, source="subscription_id")
    kind = serializers.ChoiceField(choices=PaymentKind.choices, required=False)
    external_id = Text(max_length=255, required=False)


class Payments(Readable):
    """Money that failed to come, was disputed, or settled what was open; what is open follows from these rows."""

    group = "subscriptions"
    serializer_class = PaymentShape
    asked = AskedPayments
    upserts = frozenset({"upsert"})
    takes = {"create": NewPaymentBody, "upsert": PaymentBody}

    def rows(self) -> Any:
        return Payment.objects.visible_to(self.request.user)

    def create(self, request: Any) -> Any:
        """Append a row."""
        given = self.given()
        return self.written(lambda: self._recorded(given), 201)

    @action(detail=False, methods=["put"], url_path="by-external-id/<path:external_id>")
    def upsert(self, request: Any, external_id: str) -> Any:
        """Append the subscription's row of this external id (201), or leave the one that has it as it is (200)."""
        given = self.given()
        held = self.rows().filter(subscription=given["subscription"], external_id=external_id).first()
        if held is not None:
            return self.written(lambda: held)
        name = Text(max_length=255).run_validation(external_id)
        return self.written(lambda: self._recorded(given | {"external_id": name}), 201)

    def _recorded(self, given: dict[str, Any]) -> Any:
        return actions.record_payment(**given, at=self.request.now, by=self.request.user)

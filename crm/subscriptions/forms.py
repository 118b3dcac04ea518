"""Untrusted input about subscriptions, made clean."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account
from crm.lib.fields import Amount, Day, Text, currency_field
from crm.plans.models import Plan
from crm.subscriptions.actions import Terms
from crm.subscriptions.models import Payment, PaymentKind, PaymentQuerySet, Subscription, SubscriptionChange


class TermsForm(forms.Form):
    """What a line costs and holds from a day on; `terms` when it is valid."""

    effective_on = Day(label=_("From"), help_text=_("The first day on which this holds."))
    plan = forms.ModelChoiceField(
        label=_("Plan"), queryset=Plan.objects.order_by("name", "pk"), required=False, empty_label=_("No plan")
    )
    seats = forms.IntegerField(
        label=_("Seats"),
        required=False,
        min_value=0,
        max_value=2_147_483_647,
        help_text=_("Empty: not sold by the seat."),
    )
    price = Amount(
        label=_("Price per billing period"),
        max_digits=14,
        decimal_places=2,
        min_value=0,
        help_text=_("After discounts, for the whole period. MRR is derived from it."),
    )
    billing_months = forms.IntegerField(label=_("Billing period in months"), min_value=1, max_value=120, initial=1)
    currency = currency_field()
    renews_on = Day(label=_("Renews on"), required=False)
    notice_on = Day(label=_("Notice by"), required=False)
    ends_on = Day(label=_("Until"), required=False, help_text=_("The first day that is no longer paid. Empty: open."))

    @property
    def terms(self) -> Terms:
        return Terms(**{name: self.cleaned_data[name] for name in Terms.__dataclass_fields__})


class NewSubscriptionForm(TermsForm):
    external_id = Text(label=_("External id"), limit=255, help_text=_("Its id in your billing. It stays."))
    field_order = ("external_id",)


class EndForm(forms.Form):
    on = Day(label=_("Ends on"), help_text=_("The first day that is no longer paid."))


class PaymentForm(forms.Form):
    subscription = forms.ModelChoiceField(
        label=_("Subscription"), queryset=Subscription.objects.none(), empty_label=_("Choose")
    )
    kind = forms.ChoiceField(label=_("What happened"), choices=PaymentKind.choices)
    on = Day(label=_("On"))
    amount = Amount(label=_("Amount"), max_digits=14, decimal_places=2, min_value=0, required=False)
    currency = currency_field()
    invoice = Text(
        label=_("Invoice"), limit=255, required=False, help_text=_("Its number, so that a settlement finds it.")
    )
    why = Text(label=_("Why"), limit=300, required=False, help_text=_("What the bank or the customer said."))

    def __init__(self, *args: Any, account: Account, **more: Any) -> None:
        super().__init__(*args, **more)
        lines = self.fields["subscription"]
        assert isinstance(lines, forms.ModelChoiceField)
        held = Subscription.objects.system("lines of an account that the person may write").filter(account=account)
        lines.queryset = held.order_by("external_id", "pk")

    def clean(self) -> dict[str, Any]:
        """A settlement is of what had failed or was disputed by that day; else it would settle nothing."""
        given = super().clean() or {}
        if given.get("kind") == PaymentKind.SETTLED and {"subscription", "on", "invoice"} <= given.keys():
            why = "payments of an account that the person may write"
            rows = (
                Payment.objects.system(why).filter(subscription=given["subscription"]).exclude(kind=PaymentKind.SETTLED)
            )
            first = rows.filter(invoice=given["invoice"]).order_by("on").first()
            if first is None:
                self.add_error("invoice", self._unknown(rows))
            elif given["on"] < first.on:
                words = _("It failed or was disputed on %(day)s. Enter that day or a later one.")
                self.add_error("on", words % {"day": first.on.isoformat()})
        return given

    def _unknown(self, rows: PaymentQuerySet) -> str:
        invoices = rows.exclude(invoice="").order_by("-on").values_list("invoice", flat=True)
        if named := list(dict.fromkeys(invoices[:20]))[:3]:
            return _("Nothing failed under this number. Enter that of what failed, such as %(invoices)s.") % {
                "invoices": ", ".join(named)
            }
        return str(_("Nothing of this subscription failed or is disputed under this number. Record that first."))


def initial(change: SubscriptionChange) -> dict[str, Any]:
    """What held last, to start a change from; its days are for the person to say."""
    names = ("seats", "price", "billing_months", "currency", "renews_on", "notice_on")
    return {name: getattr(change, name) for name in names} | {"plan": change.plan_id}

"""Rows of goals, promises and payments as clean values, or the reason why one is refused."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_noop as _

from crm.imports.actions.facts import write_goals, write_payments, write_promises
from crm.imports.forms.rows import CENT, EMPTY, choice, currency, day_so_far, needed, number, text_of
from crm.imports.rules import Cells, Dates
from crm.imports.rules.facts import GOAL_KIND, PAYMENT_KIND, PROMISE_KIND
from crm.lib.gate import Refused
from crm.promises.models import PromiseState
from crm.subscriptions.models import PaymentKind


def read_promise(cells: Cells, rows: Dates) -> dict[str, Any]:
    """A promise as `write_promises` takes it. Without a day it was made today, or on the day that it was due."""
    due_on, made_on, settled_on = (rows.day(cells, name) for name in ("due_on", "made_on", "settled_on"))
    if due_on is None:
        raise Refused(EMPTY, column="due_on")
    made_on = made_on or min(due_on, rows.today)
    state = choice(cells, "state", PromiseState.choices) or PromiseState.OPEN
    if made_on > min(due_on, rows.today):
        raise Refused(_("It was made on {made}, which is after it was due or lies ahead."), made=made_on)
    if state != PromiseState.OPEN:
        settled_on = settled_on or max(made_on, min(due_on, rows.today))
        if not made_on <= settled_on <= rows.today:
            raise Refused(_("It was settled on {day}, which is before it was made or lies ahead."), day=settled_on)
    elif settled_on is not None:
        raise Refused(_("It has a day on which it was settled. Say as its state whether it was kept or broken."))
    return {
        "account": needed(cells, "account"),
        "external_id": text_of(cells, "external_id", 255),
        "text": needed(cells, "promise", 500),
        "due_on": due_on,
        "made_on": made_on,
        "email": address(cells, "to"),
        "promised_by": rows.user(cells, "by"),
        "state": state,
        "settled_on": settled_on,
        "why": text_of(cells, "why", 300),
    }


def read_payment(cells: Cells, rows: Dates) -> dict[str, Any]:
    """A payment as `write_payments` takes it; without a currency it is in the account's."""
    kind, on, amount = (
        choice(cells, "kind", PaymentKind.choices),
        day_so_far(cells, rows, "on"),
        number(cells, "amount"),
    )
    for column, value in (("kind", kind), ("on", on)):
        if not value:
            raise Refused(EMPTY, column=column)
    if amount is not None and not 0 <= amount < 10**12:
        raise Refused(_("The price {price} is negative or too large."), price=amount)
    return {
        "account": needed(cells, "account"),
        "subscription": needed(cells, "subscription"),
        "external_id": text_of(cells, "external_id", 255),
        "kind": kind,
        "on": on,
        "amount": amount if amount is None else amount.quantize(CENT, ROUND_HALF_UP),
        "currency": currency(cells),
        "invoice": text_of(cells, "invoice", 255),
        "why": text_of(cells, "why", 300),
    }


def read_goal(cells: Cells, rows: Dates) -> dict[str, Any]:
    """A goal as `write_goals` takes it. Without a baseline it begins at 0, without a day it was set today."""
    feature, trait = text_of(cells, "feature", 80), text_of(cells, "trait", 120)
    if bool(feature) == bool(trait):
        raise Refused(_("Name the one figure that shows it: a feature or a trait."))
    target, baseline = number(cells, "target"), number(cells, "baseline") or Decimal(0)
    due_on, set_on = rows.day(cells, "due_on"), rows.day(cells, "set_on") or rows.today
    if target is None or due_on is None:
        raise Refused(EMPTY, column="target" if target is None else "due_on")
    if target == baseline:
        raise Refused(_("It begins where it should end: the baseline is the target."))
    if set_on > rows.today or set_on >= due_on:
        raise Refused(_("It was set on {day}, which is not before it is due, or lies ahead."), day=set_on)
    return {
        "account": needed(cells, "account"),
        "external_id": text_of(cells, "external_id", 255),
        "words": needed(cells, "goal", 500),
        "feature": feature,
        "trait": trait,
        "baseline": baseline,
        "target": target,
        "due_on": due_on,
        "set_on": set_on,
    }


def address(cells: Cells, name: str) -> str:
    email = text_of(cells, name, 254)
    if email:
        try:
            validate_email(email)
        except ValidationError:
            raise Refused(_("{email} is not an e-mail address."), email=email) from None
    return email


# Registered from the app's apps.py, since rules know neither how a row is read nor how it is written.
FACTS = (
    replace(PROMISE_KIND, read=read_promise, write=write_promises),
    replace(GOAL_KIND, read=read_goal, write=write_goals),
    replace(PAYMENT_KIND, read=read_payment, write=write_payments),
)

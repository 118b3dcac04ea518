"""What happens to promises: each turn is an appended row, and the promise repeats what it says.

Bad input is a ValidationError keyed by field; what `by` may not do is PermissionDenied.
"""

from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crm.accounts.actions import require_write
from crm.accounts.models import Account
from crm.accounts.queries import colleagues
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.contacts.models import Contact
from crm.lib.constraints import check_fields, clearly
from crm.promises import rules
from crm.promises.models import Promise, PromiseChange, PromiseState, Turn
from crm.promises.queries import local_day
from crm.staff.models import User

EARLIEST, LATEST = date(2000, 1, 1), date(2199, 12, 31)
TAKEN = {"promise_external_id_unique": ("external_id", _("This account has a promise with this id already."))}


@transaction.atomic
def make_promise(
    account: Account,
    *,
    text: str,
    due_on: date,
    at: datetime,
    by: Actor,
    contact: Contact | None = None,
    promised_by: User | None = None,
    made_on: date | None = None,
    external_id: str | None = None,
) -> Promise:
    """Note what was promised. `made_on` None: today, where the account is."""
    account = require_write(account, by=by)
    today = local_day(account, at)
    made_on = made_on or today
    _check_made(account, text, due_on, made_on, today, contact)
    if promised_by is not None and isinstance(by, User) and promised_by.pk != by.pk:
        _works_there(account, promised_by, by)
    row = Promise(
        account=account, external_id=external_id or None, text=text.strip(), contact=contact, promised_by=promised_by,
        due_on=due_on, created_at=at,
    )  # fmt: skip
    check_fields(row)
    with clearly(TAKEN):
        row.save(force_insert=True)
    _append(row, Turn.MADE, made_on, due_on, "", at, by)
    return row


@transaction.atomic
def keep_promise(promise: Promise, *, at: datetime, by: Actor, on: date | None = None, why: str = "") -> Promise:
    """It was kept, in time or late. `on` None: today, where the account is."""
    return _settle(promise, Turn.KEPT, on, why, at, by)


@transaction.atomic
def break_promise(promise: Promise, *, why: str, at: datetime, by: Actor, on: date | None = None) -> Promise:
    """It will not be kept, and the reason is ours to say."""
    return _settle(promise, Turn.BROKEN, on, _reason(why), at, by)


@transaction.atomic
def withdraw_promise(promise: Promise, *, why: str, at: datetime, by: Actor, on: date | None = None) -> Promise:
    """It is no longer wanted, or was never made: neither kept nor broken."""
    return _settle(promise, Turn.WITHDRAWN, on, _reason(why), at, by)


@transaction.atomic
def move_promise(promise: Promise, *, due_on: date, why: str, at: datetime, by: Actor) -> Promise:
    """Agree on another day. What was due before stays on record, and so does a day on which it was overdue."""
    row = _locked(promise, by)
    if row.state != PromiseState.OPEN:
        raise ValidationError(_("It was settled already."))
    if due_on == row.due_on:
        raise ValidationError({"due_on": _("It is due on this day already.")})
    if not local_day(row.account, at) <= due_on <= LATEST:
        raise ValidationError({"due_on": _("Choose today or a later day.")})
    return _turn(row, Turn.MOVED, None, due_on, _reason(why), at, by)


@transaction.atomic
def reopen_promise(promise: Promise, *, at: datetime, by: Actor) -> Promise:
    """Take back that it was kept, broken or withdrawn, by a row of its own."""
    row = _locked(promise, by)
    if row.state == PromiseState.OPEN:
        raise ValidationError(_("It is open already."))
    return _turn(row, Turn.REOPENED, None, row.due_on, "", at, by)


def _settle(promise: Promise, kind: Turn, on: date | None, why: str, at: datetime, by: Actor) -> Promise:
    row = _locked(promise, by)
    if row.state != PromiseState.OPEN:
        raise ValidationError(_("It was settled already."))
    return _turn(row, kind, on, row.due_on, why, at, by)


def _locked(promise: Promise, by: Actor) -> Promise:
    require_write(promise.account, by=by)
    rows = Promise.objects.system("of an account just required").select_for_update(of=("self",))
    return rows.select_related("account").get(pk=promise.pk)


def _turn(row: Promise, kind: Turn, on: date | None, due_on: date, why: str, at: datetime, by: Actor) -> Promise:
    """`on` None: today, where the account is."""
    turns = PromiseChange.objects.system("of an account just required").filter(promise=row)
    last = turns.order_by("-on", "-id").values_list("on", flat=True)[0]
    # Where the account was moved to another zone, what happened today there may bear the day that comes next here.
    today = max(local_day(row.account, at), last)
    on = on or today
    if on > today:
        raise ValidationError({"on": _("This day has not come yet.")})
    if on < last:
        words = _("The promise was last changed on %(day)s. Choose that day or a later one.")
        raise ValidationError({"on": words % {"day": last.isoformat()}})
    state = PromiseState(rules.AFTER[kind])
    row.state, row.due_on, row.settled_on = state, due_on, None if state == PromiseState.OPEN else on
    row.save(update_fields=["state", "due_on", "settled_on"])
    _append(row, kind, on, due_on, why, at, by)
    return row


def _append(row: Promise, kind: Turn, on: date, due_on: date, why: str, at: datetime, by: Actor) -> None:
    who = by if isinstance(by, User) else None
    turn = PromiseChange(
        account_id=row.account_id, promise=row, kind=kind, on=on, due_on=due_on, why=why, recorded_at=at,
        recorded_by=who,
    )  # fmt: skip
    check_fields(turn)
    turn.save(force_insert=True)
    after = {"account": row.account_id, "on": on, "due_on": due_on, "why": audit.said(why)}
    if kind == Turn.MADE:
        after |= {"contact": row.contact_id, "promised_by": row.promised_by_id}
    audit.record(f"promise.{kind}", row, at=at, by=by, after={name: value for name, value in after.items() if value})


def _check_made(account: Account, text: str, due_on: date, made_on: date, today: date, contact: Contact | None) -> None:
    errors: dict[str, object] = {}
    if not text.strip():
        errors["text"] = _("Say what was promised, in the words that the customer heard.")
    if not EARLIEST <= made_on <= today:
        errors["made_on"] = _("Enter the day on which it was promised: today or earlier.")
    if not EARLIEST <= due_on <= LATEST:
        errors["due_on"] = _("Enter a day in the years 2000 to 2199.")
    elif due_on < made_on:
        words = _(
            "This is before it was promised, on %(day)s. Enter that day or a later one, or mend when it was promised."
        )
        errors["due_on"] = words % {"day": made_on.isoformat()}
    if contact is not None and (contact.erased_at or not _is_theirs(contact, account)):
        errors["contact"] = _("This person is not at the account. Choose another one.")
    if errors:
        raise ValidationError(errors)


def _is_theirs(contact: Contact, account: Account) -> bool:
    return account.pk in (contact.account_id, contact.account.merged_into_id)


def _works_there(account: Account, person: User, by: User) -> None:
    if not colleagues(account, by).filter(pk=person.pk).exists():
        raise ValidationError({"promised_by": _("This person does not work on the account. Choose another one.")})


def _reason(why: str) -> str:
    if not why.strip():
        raise ValidationError({"why": _("Say why, so that whoever looks next understands it.")})
    return why.strip()

"""Two records of one customer become one, and two again."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crm.accounts import rules
from crm.accounts.actions.writing import require_write
from crm.accounts.models import Account
from crm.accounts.queries import latest_merge, merged_since
from crm.audit import actions as audit
from crm.audit.rules import Actor


@transaction.atomic
def merge_accounts(account: Account, *, into: Account, at: datetime, by: Actor) -> Account:
    """Let `into` take the place of the account: a pointer only, so it can be undone for 30 days.

    Pointers stay one hop long: what was merged into the account before points at `into` from now on.
    """
    first, second = sorted((account, into), key=lambda row: row.pk)  # one order, so that two merges cannot deadlock
    rows = {row.pk: require_write(row, by=by) for row in (first, second)}
    account, into = rows[account.pk], rows[into.pk]
    if account.pk == into.pk:
        raise ValidationError({"into": _("An account cannot be merged into itself.")})
    if account.merged_into_id or into.merged_into_id:
        raise ValidationError({"into": _("One of the two is merged away already. Choose the account that took over.")})
    if account.restricted != into.restricted:  # the page of one shows everything of both
        raise ValidationError({"into": _("One of the two is restricted and the other is not. Make them alike first.")})
    inside = Account.objects.system("accounts merged into this one").filter(merged_into=account)
    moved = list(inside.order_by("pk").values_list("pk", flat=True))
    inside.update(merged_into=into)
    account.merged_into = into
    account.save(update_fields=["merged_into"])
    audit.record("account.merged", account, at=at, by=by, after={"merged_into": into.pk, "moved": moved})
    return account


@transaction.atomic
def undo_merge(account: Account, *, at: datetime, by: Actor) -> Account:
    """Clear the pointer again, and give back what had been merged into the account before."""
    account = require_write(account, by=by)
    merge = latest_merge(account)
    if account.merged_into_id is None or merge is None:
        raise ValidationError(_("This account is not merged into another one."))
    if at - merge.at > rules.UNDO_MERGE_WITHIN:
        raise ValidationError(_("The merge is more than 30 days old and can no longer be undone."))
    into, moved = account.merged_into_id, merge.after["moved"]
    # One that was taken out and merged anew in between stays where that put it.
    moved = [pk for pk in moved if pk not in merged_since(merge, moved)]
    inside = Account.objects.system("accounts that came along with the merge").filter(pk__in=moved, merged_into=into)
    inside.update(merged_into=account)
    account.merged_into = None
    account.save(update_fields=["merged_into"])
    audit.record("account.merge_undone", account, at=at, by=by, before={"merged_into": into, "moved": moved})
    return account

"""How much attention we have asked for already, for one contact or for many at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.accounts.models import Account
from crm.attention.models import Hold, Reservation
from crm.attention.rules import PER_ACCOUNT, PER_CONTACT, Use
from crm.contacts.models import Contact
from crm.lib.formats import grouped

WHY = "the budget counts all mail to a contact, whoever sent it"


@dataclass(frozen=True)
class Budget:
    """What one contact has had and may still get, with the sentence that stands under a draft."""

    name: str
    use: Use

    limit: int = PER_CONTACT
    account_limit: int = PER_ACCOUNT

    @property
    def used(self) -> int:
        return self.use.contact

    @property
    def account_used(self) -> int:
        return self.use.account

    @property
    def left(self) -> int:
        return self.use.left

    @property
    def overdrawn(self) -> int:
        return self.use.overdrawn

    @property
    def sentence(self) -> str:
        """For example: "Lena has had 1 mail from us this month; 2 are left."."""
        if not self.used:
            had = _("%(name)s has had no mail from us this month") % {"name": self.name}
        else:
            had = ngettext(
                "%(name)s has had %(n)s mail from us this month",
                "%(name)s has had %(n)s mails from us this month",
                self.used,
            ) % {"name": self.name, "n": grouped(self.used)}
        return _("%(had)s; %(rest)s.") % {"had": had, "rest": self._rest()}

    def _rest(self) -> str:
        if self.left:
            return ngettext("%(n)s is left", "%(n)s are left", self.left) % {"n": grouped(self.left)}
        if self.use.exhausted == "account_budget":
            words = _("none is left, because their company has had %(n)s of %(limit)s")
            return words % {"n": grouped(self.account_used), "limit": grouped(self.account_limit)}
        return _("none is left, and a further one goes beyond what we allow ourselves")


def use_of(contact: int, account: int, *, at: datetime) -> Use:
    """Count both limits for a contact id and an account id, in one query; exact while the account's row is locked."""
    mine, theirs = Q(contact=contact), Q(account=account)
    counting = Reservation.objects.system(WHY).counting(at).filter(mine | theirs)
    return Use(**counting.aggregate(contact=Count("pk", filter=mine), account=Count("pk", filter=theirs)))


def budget_of(contact: Contact, *, at: datetime) -> Budget:
    return Budget(first_name(contact), use_of(contact.pk, contact.account_id, at=at))


def budgets(contacts: Iterable[Contact], *, at: datetime) -> dict[int, Budget]:
    """The budget of each contact, keyed by contact id, in two queries however many there are."""
    people = list(contacts)
    counting = Reservation.objects.system(WHY).counting(at)
    of_contact = dict(
        counting.filter(contact__in=[row.pk for row in people])
        .values_list("contact")
        .annotate(n=Count("pk"))
        .order_by("contact")
    )
    of_account = dict(
        counting.filter(account__in={row.account_id for row in people})
        .values_list("account")
        .annotate(n=Count("pk"))
        .order_by("account")
    )
    return {
        row.pk: Budget(first_name(row), Use(of_contact.get(row.pk, 0), of_account.get(row.account_id, 0)))
        for row in people
    }


def first_name(contact: Contact) -> str:
    """The first word of the name as people write it; a Korean name stays whole, since it has no spaces."""
    return contact.name.split()[0] if contact.name.split() else _("This person")


def held(account: Account | int, *, at: datetime) -> list[Hold]:
    """The holds that stand for the account, the oldest first."""
    key = account if isinstance(account, int) else account.pk
    why = "a hold binds everybody who would ask"
    return list(Hold.objects.system(why).standing(at).filter(account=key).order_by("from_at", "pk"))

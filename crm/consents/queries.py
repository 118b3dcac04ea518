"""What contacts agreed to, as it stands and as it came."""

from dataclasses import dataclass

from crm.consents import rules
from crm.consents.models import Consent, Purpose
from crm.contacts.models import Contact


@dataclass(frozen=True)
class Standing:
    """How it stands with one purpose. `rows` newest first; `said` None: the person was never asked."""

    purpose: Purpose
    rows: list[Consent]

    @property
    def said(self) -> bool | None:
        return self.rows[0].given if self.rows else None

    @property
    def last(self) -> Consent | None:
        return self.rows[0] if self.rows else None

    @property
    def allows(self) -> bool:
        return rules.allows(self.purpose, self.said)


def standings(contact: Contact) -> list[Standing]:
    """Every purpose with its history, for a contact that the caller has scoped; one query."""
    rows = list(Consent.objects.system("of a contact already shown").filter(contact=contact).newest_first())
    return [Standing(purpose, [row for row in rows if row.purpose == purpose]) for purpose in Purpose]


def last_said(contact: Contact, purpose: str) -> Consent | None:
    """The person's last word on this purpose; None: never asked."""
    rows = Consent.objects.system("consent binds everybody who writes").filter(contact=contact, purpose=purpose)
    return rows.newest_first().first()


def last_word(contact: Contact, purpose: str) -> bool | None:
    """Whether the person's last word on this purpose was a yes; None: never asked."""
    last = last_said(contact, purpose)
    return last.given if last else None

"""What a draft says: a template filled with one account's own figures, in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

from crm.contacts.models import Contact
from crm.lib import grammar
from crm.staff.models import Installation, User
from retention.messages.models import MessageTemplate
from retention.messages.rules import Recap


@dataclass(frozen=True)
class Draft:
    """A filled text, the names that could not be filled, and the figures in it by name, as printed."""

    subject: str
    body: str
    unfilled: tuple[str, ...]
    facts: dict[str, str]


FIGURES = ("seats", "people.active", "people.before", "use.amount", "use.before", "use.price", "unused.feature")


def draft(
    template: MessageTemplate,
    *,
    contact: Contact,
    owner: User,
    recap: Recap,
    ours: Installation,
    meeting_on: date,
    language: str,
) -> Draft:
    """Fill a template for one contact. Numbers and dates are written as the language does."""
    values = _figures(recap, language) | _people(contact, owner, ours) | {"meeting.day": _weekday(meeting_on, language)}
    subject, body = (grammar.render(text, values) for text in (template.subject, template.body))
    facts = {name: value for name in FIGURES if (value := values.get(name))}
    return Draft(subject.text, body.text, (*subject.unfilled, *body.unfilled), facts)


def _people(contact: Contact, owner: User, ours: Installation) -> dict[str, str | None]:
    name = contact.name.strip()
    return {
        "contact.name": name,
        "contact.first_name": first_name(name),
        "contact.greeting": greeting(name, contact.job_title),
        "account.name": contact.account.name,
        "product": ours.product_name,
        "company": ours.company_name,
        "owner.name": owner.name,
        "owner.title": owner.job_title,
        "owner.phone": owner.phone,
    }


def _figures(recap: Recap, language: str) -> dict[str, str | None]:
    price = format_currency(recap.per_unit, recap.currency, locale=language) if recap.per_unit is not None else None
    return {
        "seats": _number(recap.seats, language),
        "people.active": _number(recap.active, language),
        "people.before": _number(recap.active_before, language),
        "use.feature": recap.feature,
        "use.amount": _number(recap.amount, language) if recap.feature else None,
        "use.before": _number(recap.amount_before, language) if recap.feature else None,
        "use.unit": recap.unit,
        "use.price": price,
        "unused.feature": recap.unused[0] if recap.unused else None,
    }


def _number(value: int | Decimal | None, language: str) -> str | None:
    return None if value is None else str(format_decimal(round(value), locale=language))


def _weekday(day: date, language: str) -> str:
    return str(format_date(day, "EEEE", locale=language))


def is_hangul(name: str) -> bool:
    return any("가" <= letter <= "힣" for letter in name)


def first_name(name: str) -> str:
    """How one is addressed by name: the given name of a Western name, the whole of a Korean one."""
    return name if is_hangul(name) else name.split()[0] if name.split() else ""


def greeting(name: str, title: str) -> str:
    """A Korean address: name, position if known, and 님. Other names stand as the first name alone."""
    if not is_hangul(name):
        return first_name(name)
    return f"{name} {title}님" if title and is_hangul(title) else f"{name} 님"


def check(subject: str, body: str, names: Mapping[str, object] | frozenset[str]) -> list[str]:
    """The names that a template uses and nobody can fill; for saving. Raises grammar.GrammarError."""
    return grammar.unknown_names(f"{subject}\n{body}", names)

"""Each kind's row as clean values, or the reason why it is refused."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import translation
from django.utils.translation import gettext_noop as _

from crm.accounts.actions import TRAIT_REASONS
from crm.accounts.models import Stage
from crm.accounts.rules import TraitRefused, trait_value
from crm.contacts.models import ContactRole
from crm.conversations.models import Channel
from crm.imports import rules
from crm.imports.forms.columns import Layout
from crm.imports.queries import Known
from crm.lib import gate
from crm.lib.gate import Reason, Refused, clean_text
from crm.lib.money import currency_codes
from crm.lib.places import language_codes, zone_names
from crm.subscriptions.rules import monthly

D = TypeVar("D", date, datetime)
# Reasons are kept in English with their values, and said in the language of whoever reads them.
EMPTY = _("The column {column} is empty. Fill it in, or leave the row out.")
YES, NO = ("yes", "true", "1", "y"), ("no", "false", "0", "n", "")
CENT = Decimal("0.01")
_DOMAIN = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63}){1,8}")
_MAX_AMOUNT = Decimal(2**53)


class Cleaner:
    """Turns rows of one file into values; what it needs to know of the database is given to it."""

    def __init__(self, layout: Layout, known: Known) -> None:
        self.layout, self.known = layout, known
        readers: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
            rules.ACCOUNTS: self._account,
            rules.CONTACTS: self._contact,
            rules.PLANS: self._plan,
            rules.SUBSCRIPTIONS: self._subscription,
            rules.TOTALS: self._total,
            rules.CONVERSATIONS: self._conversation,
        }
        of_theirs = rules.KINDS[layout.kind].read
        self.read = readers[layout.kind] if of_theirs is None else lambda cells: of_theirs(cells, self)

    def clean(self, row: list[str]) -> dict[str, Any]:
        """The row's values, null where the file says nothing; raises Refused."""
        return {name: value for name, value in self.read(self.layout.cells(row)).items() if value not in ("", None)}

    def _account(self, cells: dict[str, str]) -> dict[str, Any]:
        return {
            "external_id": needed(cells, "external_id"),
            "name": text_of(cells, "name", 255),
            "domains": [_domain(text) for text in _list(cells, "domains", 253)] or None,
            "stage": choice(cells, "stage", Stage.choices),
            "segment": text_of(cells, "segment", 80),
            "tags": _list(cells, "tags", 60) or None,
            "time_zone": _known(cells, "time_zone", zone_names(), Reason(_("a time zone such as Europe/Paris"))),
            "language": _known(cells, "language", language_codes(), Reason(_("a language code such as en"))),
            "currency": currency(cells),
            "owner_id": self.user(cells, "owner"),
            "customer_since": self.day(cells, "customer_since"),
            "traits": self._traits(cells) or None,
        }

    def _traits(self, cells: dict[str, str]) -> list[dict[str, Any]]:
        found = []
        for name, (definition, kind) in self.known.traits.items():
            raw = text_of(cells, name, 1000)
            if not raw:
                continue
            try:
                column, value = trait_value(kind, self.day(cells, name) if kind == "date" else raw)
            except TraitRefused as error:
                raise Refused(
                    _("Column {column}: {reason}"), column=name, reason=Reason(_english(TRAIT_REASONS[error.code]))
                ) from error
            found.append({"definition_id": definition, column: value})
        return found

    def _contact(self, cells: dict[str, str]) -> dict[str, Any]:
        email = text_of(cells, "email", 254)
        name = text_of(cells, "name", 200) or email
        if not name:
            raise Refused(_("A contact needs a name or an e-mail address."))
        if email:
            try:
                validate_email(email)
            except ValidationError:
                raise Refused(_("{email} is not an e-mail address."), email=email) from None
        return {
            "account": needed(cells, "account"),
            "external_id": text_of(cells, "external_id", 255),
            "name": name,
            "name_given": bool(cells.get("name")) or None,
            "email": email,
            "job_title": text_of(cells, "job_title", 120),
            "phone": text_of(cells, "phone", 40),
            "role": choice(cells, "role", ContactRole.choices),
            "language": _known(cells, "language", language_codes(), Reason(_("a language code such as en"))),
            "time_zone": _known(cells, "time_zone", zone_names(), Reason(_("a time zone such as Europe/Paris"))),
            "left_on": self.day(cells, "left_on"),
        }

    def _plan(self, cells: dict[str, str]) -> dict[str, Any]:
        keys = _list(cells, "features", 80)
        for key in keys:
            if key not in self.known.features:
                raise Refused(_("There is no feature with the key {key}."), key=key)
        return {
            "external_id": needed(cells, "external_id"),
            "name": text_of(cells, "name", 120),
            "includes_everything": yes(cells, "includes_everything"),
            "features": [self.known.features[key] for key in keys] or None,
        }

    def _subscription(self, cells: dict[str, str]) -> dict[str, Any]:
        plan = text_of(cells, "plan", 255)
        if plan and plan not in self.known.plans:
            raise Refused(_("There is no plan with the external id {plan}. Import the plans first."), plan=plan)
        start, end = self.day(cells, "start"), self.day(cells, "end")
        if start is None:
            raise Refused(EMPTY, column="start")
        if end is not None and end <= start:
            words = _("The term ends on {end} but starts on {start}; the end is the first day that is not paid.")
            raise Refused(words, start=start, end=end)
        months = whole(cells, "billing_months", 1, 120) or 1
        price = _price(cells, months)
        return {
            "account": needed(cells, "account"),
            "external_id": text_of(cells, "subscription", 255) or plan or "subscription",
            "plan_id": self.known.plans.get(plan),
            "effective_on": start,
            "ends_on": end,
            "seats": whole(cells, "seats", 0, 2**31 - 1),
            "price": price,
            "mrr": monthly(price, months),
            "billing_months": months,
            "currency": currency(cells),
            "renews_on": self.day(cells, "renews_on"),
            "notice_on": self.day(cells, "notice_on"),
        }

    def _total(self, cells: dict[str, str]) -> dict[str, Any]:
        month = self._month(cells)
        amount = number(cells, "amount")
        if amount is not None and amount < 0:
            raise Refused(_("Column {column}: {text} is less than nothing."), column="amount", text=cells["amount"])
        uses = whole(cells, "uses", 0, 2**31 - 1)
        if uses is None:
            raise Refused(EMPTY, column="uses")
        return {
            "account": needed(cells, "account"),
            "month": month,
            "feature": needed(cells, "feature", 120),
            "uses": uses,
            "amount": rules.millionths(amount) if amount is not None else None,
        }

    def _conversation(self, cells: dict[str, str]) -> dict[str, Any]:
        """Times that contradict each other are taken as they are: the file is shown as it is, and none is lost."""
        began_at = self.instant(cells, "began_at")
        if began_at is None:
            raise Refused(EMPTY, column="began_at")
        return {
            "account": needed(cells, "account"),
            "external_id": needed(cells, "external_id"),
            "channel": choice(cells, "channel", list(Channel.choices)) or str(Channel.TICKET),
            "subject": text_of(cells, "subject", 200),
            "text": text_of(cells, "text", 20_000),
            "email": text_of(cells, "email", 254).lower(),
            "began_at": began_at,
            "answered_at": self.instant(cells, "answered_at"),
            "closed_at": self.instant(cells, "closed_at"),
        }

    def _month(self, cells: dict[str, str]) -> date:
        text = cells.get("month", "").strip()
        found = re.fullmatch(r"(\d{4})[-/. ](\d{1,2})|(\d{1,2})[-/. ](\d{4})", text, re.ASCII)
        day: date | None
        if found:
            year, month = int(found[1] or found[4]), int(found[2] or found[3])
            day = date(year, month, 1) if 1 <= month <= 12 and 2000 <= year <= 2100 else None
        else:
            day = self.day(cells, "month")
        if day is None:
            raise Refused(_("Column {column}: {text} is not a month. Write it as 2026-11."), column="month", text=text)
        if day.replace(day=1) > self.known.today:
            raise Refused(_("The month {month} lies ahead."), month=f"{day:%Y-%m}")
        return day.replace(day=1)

    @property
    def today(self) -> date:
        return self.known.today

    def user(self, cells: rules.Cells, name: str) -> int | None:
        email = text_of(cells, name, 254)
        if email and email.lower() not in self.known.users:
            raise Refused(_("Nobody of ours who is active has the address {owner}."), owner=email)
        return self.known.users.get(email.lower())

    def day(self, cells: rules.Cells, name: str) -> date | None:
        text = cells.get(name, "")
        if not text:
            return None
        day = self._read(rules.read_date, name, text)
        if not 2000 <= day.year <= 2100:
            raise Refused(_("Column {column}: {text} is outside the years 2000 to 2100."), column=name, text=text)
        return day

    def _read(self, read: Callable[[str, str], D], name: str, text: str) -> D:
        try:
            return read(text, self.layout.date_order)
        except rules.Ambiguous:
            words = _("Column {column}: {text} can be read as two days. Write it as 2026-11-21.")
            raise Refused(words, column=name, text=text[:40]) from None
        except (ValueError, OverflowError):
            words = _("Column {column}: {text} is not a date. Write it as 2026-11-21.")
            raise Refused(words, column=name, text=text[:40]) from None

    def instant(self, cells: rules.Cells, name: str) -> datetime | None:
        """A date with or without a time of day; without a zone it is UTC."""
        if not (text := cells.get(name, "").strip()):
            return None
        at = self._read(rules.read_instant, name, text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        if at < gate.EARLIEST or at.date() > self.today:
            raise Refused(_("Column {column}: {text} lies before the year 2000 or ahead."), column=name, text=text[:40])
        return at


def day_so_far(cells: Mapping[str, str], rows: rules.Dates, name: str) -> date | None:
    """The day in a cell, today at the latest; None: the cell is empty."""
    day = rows.day(cells, name)
    if day is not None and day > rows.today:
        raise Refused(_("The day {day} lies ahead."), day=day)
    return day


def text_of(cells: Mapping[str, str], name: str, limit: int) -> str:
    raw = cells.get(name, "")
    if not raw:
        return ""
    try:
        return clean_text(raw, limit)
    except Refused as error:
        raise Refused(_("Column {column}: {reason}"), column=name, reason=error.reason) from error


def needed(cells: Mapping[str, str], name: str, limit: int = 255) -> str:
    text = text_of(cells, name, limit)
    if not text:
        raise Refused(EMPTY, column=name)
    return text


def _list(cells: Mapping[str, str], name: str, limit: int) -> list[str]:
    """The parts of a cell such as `vip; pilot`, each once, in their order."""
    parts = (part.strip() for part in cells.get(name, "").split(";"))
    return list(dict.fromkeys(text_of({name: part}, name, limit) for part in parts if part))


def _domain(text: str) -> str:
    bare = re.sub(r"^https?://", "", text.lower()).removeprefix("www.").split("/")[0]
    if not _DOMAIN.fullmatch(bare):
        raise Refused(_("{text} is not a domain such as example.com."), text=text[:60])
    return bare


def yes(cells: Mapping[str, str], name: str, *, otherwise: bool | None = None) -> bool | None:
    """Whether a cell says yes; `otherwise` where it is empty."""
    word = cells.get(name, "").lower()
    if word not in YES + NO:
        raise Refused(_("Column {column}: write yes or no."), column=name)
    return word in YES if word else otherwise


def choice(cells: Mapping[str, str], name: str, choices: list[tuple[str, Any]]) -> str:
    word = rules.plain_name(text_of(cells, name, 40))
    if not word or word in dict(choices):
        return word
    if word in (labels := _labels(tuple(choices))):
        return labels[word]
    words = _("Column {column}: {word} is not one of {known}.")
    raise Refused(words, column=name, word=word, known=", ".join(value for value, _label in choices))


@lru_cache(maxsize=8)
def _labels(choices: tuple[tuple[str, Any], ...]) -> dict[str, str]:
    """The choices by their labels in each of our languages: our files come back from whoever took them."""
    found: dict[str, str] = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            found |= {rules.plain_name(str(label)): value for value, label in choices}
    return found


def _english(text: object) -> str:
    with translation.override("en"):
        return str(text)


def _known(cells: Mapping[str, str], name: str, known: frozenset[str], what: str) -> str:
    word = text_of(cells, name, 60)
    if word and word not in known:
        raise Refused(_("Column {column}: {word} is not {what}."), column=name, word=word, what=what)
    return word


def currency(cells: Mapping[str, str]) -> str:
    code = text_of(cells, "currency", 40).upper()
    if code and code not in currency_codes():
        raise Refused(_("{code} is not a currency. Write a code such as EUR."), code=code)
    return code


def number(cells: Mapping[str, str], name: str) -> Decimal | None:
    text = cells.get(name, "")
    if not text:
        return None
    try:
        value = rules.read_number(text)
    except ValueError:
        words = _("Column {column}: {text} is not a number such as 1234.50, without thousands marks.")
        raise Refused(words, column=name, text=text_of(cells, name, 131_072)[:40]) from None
    if abs(value) > _MAX_AMOUNT:
        raise Refused(gate.TOO_BIG)
    return value


def whole(cells: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    value = number(cells, name)
    if value is None:
        return None
    if value != value.to_integral_value() or not least <= value <= most:
        words = _("Column {column}: {value} is not a whole number from {least} to {most}.")
        raise Refused(words, column=name, value=cells[name], least=least, most=most)
    return int(value)


def _price(cells: Mapping[str, str], months: int) -> Decimal:
    """What one billing period costs after discount, in cents."""
    price, mrr, discount = (number(cells, name) for name in ("price", "mrr", "discount"))
    if price is None and mrr is None:
        raise Refused(_("Neither a price nor an MRR is given."))
    if discount is not None and not 0 <= discount <= 1:
        raise Refused(_("The discount {text} is not a share from 0 to 1."), text=cells["discount"])
    listed = price if price is not None else (mrr or Decimal(0)) * months
    net = (listed * (1 - (discount or Decimal(0)))).quantize(CENT, ROUND_HALF_UP)
    if not 0 <= net < Decimal(10) ** 12:
        raise Refused(_("The price {price} is negative or too large."), price=net)
    return net

"""What follows from a file's text alone: which columns mean what, how dates read, when rows are equal, crm5."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

ACCOUNTS, CONTACTS, PLANS, SUBSCRIPTIONS, EVENTS = "accounts", "contacts", "plans", "subscriptions", "events"
MICRO = 1_000_000

# kind -> our column -> the other names it goes by; compared without case, blanks and punctuation.
COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    ACCOUNTS: {
        "external_id": ("id", "account", "account_id", "accountid", "customer_id", "company_id", "group_id"),
        "name": ("account_name", "company", "company_name", "customer", "customer_name"),
        "domains": ("domain", "website", "domain_name"),
        "stage": ("lifecycle_stage", "lifecycle", "status"),
        "segment": ("tier", "customer_segment"),
        "tags": ("tag", "labels"),
        "time_zone": ("timezone", "tz"),
        "language": ("lang", "locale"),
        "currency": ("currency_code",),
        "owner": ("owner_email", "csm", "csm_email", "account_owner", "rep"),
        "customer_since": ("signup_date", "since", "start_date", "customer_from"),
    },
    CONTACTS: {
        "account": ("account_id", "company_id", "customer_id", "account_external_id", "group_id"),
        "external_id": ("id", "contact_id", "user_id", "user"),
        "name": ("full_name", "contact_name", "contact"),
        "email": ("email_address", "e_mail", "mail"),
        "job_title": ("title", "position"),
        "phone": ("telephone", "phone_number", "mobile"),
        "role": ("contact_role",),
        "language": ("lang", "locale"),
        "time_zone": ("timezone", "tz"),
        "left_on": ("left", "left_date"),
    },
    PLANS: {
        "external_id": ("id", "plan", "plan_id", "product", "product_id"),
        "name": ("plan_name", "product_name"),
        "features": ("feature", "feature_keys", "included_features"),
        "includes_everything": ("everything", "all_features"),
    },
    SUBSCRIPTIONS: {
        "account": ("account_id", "customer_id", "company_id", "account_external_id"),
        "subscription": ("subscription_id", "external_id", "id", "line", "contract_id"),
        "plan": ("plan_id", "product", "product_id", "plan_name", "plan_tier"),
        "start": ("start_date", "starts_on", "effective_on", "from"),
        "end": ("end_date", "ends_on", "until", "to"),
        "seats": ("paid_seats", "licences", "licenses", "quantity"),
        "price": ("price_per_period", "amount", "period_price"),
        "mrr": ("mrr_amount", "monthly_price", "monthly_recurring_revenue"),
        "discount": ("discount_share",),
        "billing_months": ("bill_period_months", "billing_period_months", "billing_period", "months"),
        "currency": ("currency_code",),
        "renews_on": ("renewal", "renewal_date", "renews"),
        "notice_on": ("notice", "notice_date", "notice_by"),
    },
    EVENTS: {
        "account": ("account_id", "group_id", "company_id", "customer_id", "account_external_id"),
        "user": ("user_id", "person", "person_id", "actor"),
        "at": ("timestamp", "time", "event_time", "occurred_at", "date", "datetime"),
        "event": ("event_name", "event_type", "name", "action"),
        "value": ("amount", "quantity"),
        "message_id": ("messageid", "event_id", "uuid"),
    },
}
# At least one column of each group must be there.
REQUIRED: dict[str, tuple[tuple[str, ...], ...]] = {
    ACCOUNTS: (("external_id",),),
    CONTACTS: (("account",), ("name", "email")),
    PLANS: (("external_id",),),
    SUBSCRIPTIONS: (("account",), ("start",), ("price", "mrr")),
    EVENTS: (("account",), ("at",), ("event",)),
}
DATE_COLUMNS = {
    ACCOUNTS: ("customer_since",),
    CONTACTS: ("left_on",),
    SUBSCRIPTIONS: ("start", "end", "renews_on", "notice_on"),
    EVENTS: ("at",),
}
TRAIT_PREFIX = "trait:"


def plain_name(header: str) -> str:
    """A header as it is compared: `Account ID` and `account-id` are `account_id`."""
    return re.sub(r"[^\w]+", "_", header.strip().casefold()).strip("_")


def unguarded(cell: str) -> str:
    """Take off the apostrophe that our exports put before what a spreadsheet would run as a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in "=+-@\t\r" and cell[1:2] else cell


_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.년]\s*(\d{1,2})\s*[-/.월]\s*(\d{1,2})\s*[.일]?", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})", re.ASCII)


class Ambiguous(ValueError):
    """A date such as 03-04-2025, which is one day in Paris and another in Boston."""


def read_date(text: str, order: str = "") -> date:
    """Read a date; year-first always, else by `order` (dmy or mdy) or when only one reading exists.

    Raises Ambiguous for two readings, ValueError for none. A time of day may follow and must be midnight.
    """
    day_text, clock = _split(text)
    if clock and clock != time():
        raise ValueError(text)
    return _day(day_text, order)


def read_instant(text: str, order: str = "") -> datetime:
    """Read a date with an optional time of day, or seconds or milliseconds since 1970.

    Without a zone it stays naive. Raises as `read_date` does.
    """
    if text.isdigit() and text.isascii() and len(text) in (10, 13):  # else 13 digits might read as the year 1700
        return datetime.fromtimestamp(int(text) / (1 if len(text) == 10 else 1000), UTC)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        day_text, clock = _split(text)
        return datetime.combine(_day(day_text, order), clock or time())


def _split(text: str) -> tuple[str, time | None]:
    if len(text) > 64:
        raise ValueError(text[:64])
    found = re.fullmatch(r"(.*?\d[.일]?)[T ]+(\d{1,2}:\d{2}\S*)", text.strip())
    if not found:
        return text.strip(), None
    clock = found[2] if found[2][2] == ":" else f"0{found[2]}"
    return found[1], time.fromisoformat(clock)


def _day(text: str, order: str) -> date:
    if text.isascii() and text.isdigit() and len(text) == 8:
        return date.fromisoformat(text)
    if found := _YEAR_FIRST.fullmatch(text):
        return date(int(found[1]), int(found[2]), int(found[3]))
    found = _YEAR_LAST.fullmatch(text)
    if not found:
        raise ValueError(text)
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    if not order and first <= 12 and second <= 12 and first != second:
        raise Ambiguous(text)
    day_first = order == "dmy" or (not order and first > 12)
    return date(year, second, first) if day_first else date(year, first, second)


_NUMBER = re.compile(r"[+-]?\d{1,24}(\.\d{1,24})?([eE][+-]?\d{1,2})?", re.ASCII)


def read_number(text: str) -> Decimal:
    """Read a number with a decimal point and without thousands marks; ValueError otherwise (NaN, 1,234.5)."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)


def millionths(value: Decimal) -> int:
    """An amount in whole millionths, half up: what usage days add."""
    return int((value * MICRO).quantize(Decimal(1), ROUND_HALF_UP))


def _is_number(text: str) -> bool:
    # 007 is an identifier: as a number it would lose its zeros.
    return bool(_NUMBER.fullmatch(text)) and not re.match(r"[+-]?0\d", text)


def _is_flag(text: str) -> bool:
    return text.lower() in ("true", "false", "yes", "no")


def _is_date(text: str) -> bool:
    try:
        read_date(text)
    except ValueError:
        return False
    return True


# From narrow to wide; what fits none of them is text.
TRAIT_TESTS: dict[str, Callable[[str], bool]] = {"number": _is_number, "flag": _is_flag, "date": _is_date}


class Row(NamedTuple):
    """One row as it was read: `values` null when it is refused for `reason`. `line`: where it begins."""

    line: int
    cells: list[str]
    values: Any
    reason: str


class Event(NamedTuple):
    """A row of usage. `content` is what makes a row without a message id equal to another."""

    account: str
    user: str
    name: str
    at: datetime
    amount: int
    message: str
    content: str


class Refusal(NamedTuple):
    line: int
    cells: list[str]
    reason: str


class Taken(NamedTuple):
    """What became of one chunk. For usage, created are events counted now and unchanged those counted before."""

    created: int
    updated: int
    unchanged: int
    refused: list[Refusal]


def no_account(row: Row, external_id: str) -> Refusal:
    words = "There is no account with the external id {account}. Import the accounts first."
    return Refusal(row.line, row.cells, words.format(account=external_id))


def excerpt(header: tuple[str, ...], cells: list[str]) -> dict[str, str]:
    """A refused row as it can be stored: at most 50 cells of 200 characters, each storable."""
    names = [*header[:50], *(f"#{place + 1}" for place in range(len(header), 50))]
    return {storable(name, 80): storable(cell, 200) for name, cell in zip(names, cells[:50], strict=False)}


def storable(text: str, limit: int) -> str:
    """The text without NUL and lone surrogates, cut to `limit`: what the database and a terminal can hold."""
    return text[:limit].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


Hashes = npt.NDArray[np.int64]


@dataclass
class Repeats:
    """Numbers equal rows of a file 1, 2, 3 … so that each has an id of its own, in eight bytes a row.

    Python's keyed hash of the row tells candidates for equality; it lives for one process, like this object.
    """

    repeated: Hashes = field(default_factory=lambda: np.empty(0, np.int64))
    counts: dict[int, int] = field(default_factory=dict)

    @classmethod
    def among(cls, hashes: Hashes) -> "Repeats":
        """Sorts `hashes` in place."""
        hashes.sort()
        return cls(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))

    def number(self, hashes: list[int]) -> list[int]:
        """The n-th repeat of each row of the next chunk, in the order of the file."""
        numbers = [1] * len(hashes)
        for place in np.flatnonzero(np.isin(np.array(hashes, np.int64), self.repeated)).tolist():
            key = hashes[place]
            self.counts[key] = numbers[place] = self.counts.get(key, 0) + 1
        return numbers


@dataclass(frozen=True)
class Preset:
    """How one kind of a known data set is read: its columns, and what is said in it by other means."""

    columns: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[str, ...] = ()  # further columns of theirs that `adapt` reads, under their own names
    adapt: Callable[[dict[str, str]], None] | None = None
    users_per_account: bool = False


def _crm5_account(cells: dict[str, str]) -> None:
    cells["name"] = f"Account {cells['external_id']}"


def _crm5_plan(cells: dict[str, str]) -> None:
    """`starter_mthly` is a plan with every feature; add-ons (without a billing period) only raise its limits."""
    words = {"mthly": "monthly", "biann": "half-yearly", "annual": "yearly"}
    cells["name"] = " ".join(words.get(word, word) for word in cells["external_id"].split("_")).capitalize()
    cells["includes_everything"] = "yes" if cells.get("bill_period") else "no"


def _crm5_subscription(cells: dict[str, str]) -> None:
    """The plan is one line whose plan changes; each add-on is a line of its own, sold without seats."""
    is_plan = cells["units"] == "users"
    cells["subscription"] = "plan" if is_plan else cells["plan"]
    cells["seats"] = cells["seats"] if is_plan else ""


PRESETS: dict[str, dict[str, Preset]] = {
    "crm5": {
        ACCOUNTS: Preset(
            {"external_id": "id", "trait:channel": "channel", "trait:country": "country"}, (), _crm5_account
        ),
        PLANS: Preset({"external_id": "plan"}, ("bill_period",), _crm5_plan),
        SUBSCRIPTIONS: Preset(
            {"account": "account_id", "plan": "product", "seats": "quantity"}, ("units",), _crm5_subscription
        ),
        EVENTS: Preset({"account": "account_id", "user": "user_id"}, users_per_account=True),
    }
}


class NamedEvent:
    """What an event of crm5 means: the feature it feeds, and the meaningful use of an account in 28 days."""

    def __init__(self, event: str, name: str, threshold: int, *, key: bool = False, use: bool = True) -> None:
        self.event, self.name, self.threshold, self.is_key, self.is_use = event, name, threshold, key, use


# Key: the work a sales CRM is bought for, from the first lead to the signed deal. Correcting and deleting
# records is upkeep. Meaningful is twice a week (8) for daily work, weekly (4) for the rest; for deals won and
# lost, whose money is summed, it is an amount. A lead that unsubscribes acts by itself, so it is nobody's use.
CRM5_EVENTS = (
    NamedEvent("search", "Search", 4, key=True),
    NamedEvent("create_search", "Saved searches", 4),
    NamedEvent("edit_search", "Editing searches", 4),
    NamedEvent("delete_search", "Deleting searches", 4),
    NamedEvent("create_opportunity", "Opportunities", 8, key=True),
    NamedEvent("advance_stage", "Sales stages", 4, key=True),
    NamedEvent("add_competitor", "Competitors", 4),
    NamedEvent("disqualify_opportunity", "Disqualifying", 4),
    NamedEvent("quote", "Quotes", 4, key=True),
    NamedEvent("win_opportunity", "Won deals", 5_000, key=True),
    NamedEvent("lose_opportunity", "Lost deals", 5_000),
    NamedEvent("add_contact", "Contacts", 4),
    NamedEvent("edit_contact", "Editing contacts", 4),
    NamedEvent("add_lead", "Leads", 8, key=True),
    NamedEvent("edit_lead", "Editing leads", 4),
    NamedEvent("unsub_lead", "Unsubscribed leads", 4, use=False),
    NamedEvent("email_lead", "E-mail to leads", 8, key=True),
    NamedEvent("call_lead", "Calls to leads", 8, key=True),
    NamedEvent("create_list", "Lists", 4, key=True),
    NamedEvent("delete_list", "Deleting lists", 4),
    NamedEvent("email_list", "E-mail to lists", 4, key=True),
    NamedEvent("schedule_meeting", "Scheduling meetings", 4),
    NamedEvent("meeting", "Meetings", 4, key=True),
    NamedEvent("edit_meeting", "Editing meetings", 4),
    NamedEvent("cancel_meeting", "Cancelling meetings", 4),
)
CRM5_AMOUNTS = ("win_opportunity", "lose_opportunity")
CRM5_BEGINS_AT = datetime(2022, 1, 1, tzinfo=UTC)
CRM5_PAID_THROUGH = date(2023, 6, 30)
CRM5_FILES = (
    (ACCOUNTS, "accounts.csv"),
    (PLANS, "plans.csv"),
    (PLANS, "addons.csv"),
    (SUBSCRIPTIONS, "subscriptions.csv"),
    (EVENTS, "events.csv.gz"),
)

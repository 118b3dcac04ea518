"""The kinds of rows that files bring: their columns, what must be there, and what other apps add of their own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

ACCOUNTS, CONTACTS, PLANS, SUBSCRIPTIONS = "accounts", "contacts", "plans", "subscriptions"
EVENTS, TOTALS, CONVERSATIONS = "events", "totals", "conversations"
TRAIT_PREFIX = "trait:"

Cells = Mapping[str, str]


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it. Rules use this module without Django."""
    return text


class Touched(NamedTuple):
    """What became of one row of a file: the row of the kind's first table that it added or changed."""

    line: int
    row_id: int
    is_new: bool


class Dates(Protocol):
    """How a cell is read for which more must be known than its text; empty: None. Raises Refused.

    `day`: in the order that the file was said to have. `user`: the id of one of us, by address.
    """

    @property
    def today(self) -> date: ...

    def day(self, cells: Cells, name: str) -> date | None: ...

    def user(self, cells: Cells, name: str) -> int | None: ...


Reader = Callable[[Cells, Dates], dict[str, Any]]
Writer = Callable[[Sequence[Mapping[str, Any]], datetime], list[Touched]]


@dataclass(frozen=True)
class Kind:
    """One kind of row. `columns`: ours → the other names it goes by, compared without case, blanks and punctuation.

    Of each group in `required` at least one column must be there. `tables`: what it writes, the main one first.
    `names_account`: a row is of the account that its column `account` names. `identity`: the values that make two
    rows of a file speak of the same thing. Kinds of other apps bring `read` and `write`; ours stand in
    forms/rows.py and actions/book.py.
    """

    key: str
    label: str
    about: str
    columns: Mapping[str, tuple[str, ...]]
    required: tuple[tuple[str, ...], ...]
    examples: tuple[Mapping[str, str], ...]
    dates: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    names_account: bool = False
    identity: tuple[str, ...] = ("external_id",)
    read: Reader | None = None
    write: Writer | None = None


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known, in the order in which files are best imported; apps do so from their apps.py."""
    assert kind.key not in KINDS, f"two kinds are called {kind.key}"
    KINDS[kind.key] = kind


register(
    Kind(
        ACCOUNTS,
        _("Accounts"),
        _("Your customers, one line each."),
        {
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
        required=(("external_id",),),
        examples=(
            {
                "external_id": "acme",
                "name": "Acme Ltd",
                "domains": "acme.example",
                "stage": "live",
                "segment": "Mid-size",
                "tags": "pilot; vip",
                "time_zone": "Europe/Paris",
                "language": "en",
                "currency": "EUR",
                "owner": "",
                "customer_since": "2025-03-01",
            },
        ),
        dates=("customer_since",),
        tables=("crm_account", "crm_trait", "crm_ownerchange"),
    )
)
register(
    Kind(
        CONTACTS,
        _("Contacts"),
        _("The people there whom you may write to."),
        {
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
        required=(("account",), ("name", "email")),
        examples=(
            {
                "account": "acme",
                "external_id": "p-17",
                "name": "Lena Vogt",
                "email": "lena@acme.example",
                "job_title": "Head of operations",
                "phone": "",
                "role": "champion",
                "language": "",
                "time_zone": "",
                "left_on": "",
            },
        ),
        dates=("left_on",),
        tables=("crm_contact",),
        names_account=True,
        identity=("account", "email", "name"),
    )
)
register(
    Kind(
        PLANS,
        _("Plans"),
        _("What customers buy, and the features each plan includes."),
        {
            "external_id": ("id", "plan", "plan_id", "product", "product_id"),
            "name": ("plan_name", "product_name"),
            "features": ("feature", "feature_keys", "included_features"),
            "includes_everything": ("everything", "all_features"),
        },
        required=(("external_id",),),
        examples=({"external_id": "pro", "name": "Pro", "features": "", "includes_everything": "yes"},),
        tables=("crm_plan", "crm_plan_features"),
    )
)
register(
    Kind(
        SUBSCRIPTIONS,
        _("Subscriptions"),
        _("What each account pays, one line for each term or change."),
        {
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
        required=(("account",), ("start",), ("price", "mrr")),
        examples=(
            {
                "account": "acme",
                "subscription": "main",
                "plan": "",
                "start": "2026-01-01",
                "end": "",
                "seats": "25",
                "price": "3000",
                "mrr": "",
                "discount": "",
                "billing_months": "12",
                "currency": "EUR",
                "renews_on": "2027-01-01",
                "notice_on": "2026-10-01",
            },
        ),
        dates=("start", "end", "renews_on", "notice_on"),
        tables=("crm_subscriptionchange", "crm_subscription", "crm_account"),
        names_account=True,
        identity=("account", "external_id", "effective_on"),
    )
)
register(
    Kind(
        TOTALS,
        _("Usage totals by month"),
        _("How much each account used each feature in a month, for whoever has no events."),
        {
            "account": ("account_id", "group_id", "company_id", "customer_id", "account_external_id", "external_id"),
            "month": ("period", "usage_month", "date"),
            "feature": ("feature_key", "feature_name", "event", "event_name", "action"),
            "uses": ("count", "total", "usage", "usage_count", "times"),
            "amount": ("value", "quantity"),
        },
        required=(("account",), ("month",), ("feature",), ("uses",)),
        examples=({"account": "acme", "month": "2026-10", "feature": "Reports", "uses": "42", "amount": ""},),
        dates=("month",),
        tables=("crm_monthlytotal", "crm_eventname", "crm_feature"),
        names_account=True,
        identity=("account", "month", "feature"),
    )
)
register(
    Kind(
        EVENTS,
        _("Usage events"),
        _("Single events of use, with their time."),
        {
            "account": ("account_id", "group_id", "company_id", "customer_id", "account_external_id"),
            "user": ("user_id", "person", "person_id", "actor"),
            "at": ("timestamp", "time", "event_time", "occurred_at", "date", "datetime"),
            "event": ("event_name", "event_type", "name", "action"),
            "value": ("amount", "quantity"),
            "message_id": ("messageid", "event_id", "uuid"),
        },
        required=(("account",), ("at",), ("event",)),
        examples=(
            {
                "account": "acme",
                "user": "u-3",
                "at": "2026-11-21T09:30:00Z",
                "event": "report_created",
                "value": "",
                "message_id": "",
            },
        ),
        dates=("at",),
        names_account=True,
    )
)
register(
    Kind(
        CONVERSATIONS,
        _("Conversations"),
        _("Tickets, mails, calls and chats, with when they were answered and closed."),
        {
            "account": ("account_id", "company_id", "customer_id", "account_external_id"),
            "external_id": ("id", "ticket_id", "conversation_id", "ticket", "number"),
            "channel": ("type", "kind"),
            "subject": ("title", "topic"),
            "text": ("body", "message", "description", "comment"),
            "email": ("email_address", "requester", "from", "contact_email"),
            "began_at": ("submitted_at", "created_at", "opened_at", "date", "asked_at"),
            "answered_at": ("first_response_at", "first_reply_at", "responded_at"),
            "closed_at": ("resolved_at", "solved_at", "done_at"),
        },
        required=(("account",), ("external_id",), ("began_at",)),
        examples=(
            {
                "account": "acme",
                "external_id": "T-1042",
                "channel": "ticket",
                "subject": "Export fails",
                "text": "The export stops half-way.",
                "email": "lena@acme.example",
                "began_at": "2026-11-02T09:30:00Z",
                "answered_at": "2026-11-02T11:00:00Z",
                "closed_at": "",
            },
        ),
        dates=("began_at", "answered_at", "closed_at"),
        tables=("crm_conversation", "crm_entry"),
        names_account=True,
    )
)

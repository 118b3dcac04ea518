"""Known data sets: how crm5 says what our columns mean, and what its events are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from crm.imports.rules.kinds import ACCOUNTS, CONVERSATIONS, EVENTS, PLANS, SUBSCRIPTIONS


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


def _raven_account(cells: dict[str, str]) -> None:
    cells["stage"] = "trial" if cells["is_trial"] == "True" else "live"


def _raven_subscription(cells: dict[str, str]) -> None:
    cells["billing_months"] = "12" if cells["billing_frequency"] == "annual" else "1"


def _raven_ticket(cells: dict[str, str]) -> None:
    """The first answer is given as minutes since the ticket came."""
    cells["channel"], cells["subject"] = "ticket", f"{cells['priority'].capitalize()} ticket"
    began_at, minutes = datetime.fromisoformat(cells["began_at"]), cells["first_response_time_minutes"]
    cells["answered_at"] = (began_at + timedelta(minutes=float(minutes))).isoformat() if minutes else ""


PRESETS: dict[str, dict[str, Preset]] = {
    "ravenstack": {
        ACCOUNTS: Preset(
            {"external_id": "account_id", "name": "account_name", "customer_since": "signup_date"}
            | {f"trait:{name}": name for name in ("industry", "country", "referral_source")},
            ("is_trial",),
            _raven_account,
        ),
        PLANS: Preset({"external_id": "plan_tier", "name": "plan_tier"}),
        SUBSCRIPTIONS: Preset({"subscription": "subscription_id"}, ("billing_frequency",), _raven_subscription),
        EVENTS: Preset(),
        CONVERSATIONS: Preset({}, ("priority", "first_response_time_minutes"), _raven_ticket),
    },
    "crm5": {
        ACCOUNTS: Preset(
            {"external_id": "id", "trait:channel": "channel", "trait:country": "country"}, (), _crm5_account
        ),
        PLANS: Preset({"external_id": "plan"}, ("bill_period",), _crm5_plan),
        SUBSCRIPTIONS: Preset(
            {"account": "account_id", "plan": "product", "seats": "quantity"}, ("units",), _crm5_subscription
        ),
        EVENTS: Preset({"account": "account_id", "user": "user_id"}, users_per_account=True),
    },
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

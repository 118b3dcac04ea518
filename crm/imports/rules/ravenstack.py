"""The ravenstack folder: how its files say what our columns mean, and where they contradict each other.

Nothing is mended: rows are taken over or refused as any others, and each contradiction is kept beside them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

Row = Mapping[str, str]
FILES = ("accounts", "subscriptions", "feature_usage", "churn_events", "support_tickets")


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it. Rules use this module without Django."""
    return text


FINDINGS = {
    "churned_but_paying": _("An account said to have churned has a subscription without an end."),
    "churned_without_event": _("An account said to have churned has no churn event."),
    "event_without_churn": _("An account with a churn event is not said to have churned."),
    "no_subscription": _("An account has no subscription."),
    "plan_differs": _("The plan of the account is none of its running subscriptions."),
    "seats_differ": _("The seats of the account are those of none of its running subscriptions."),
    "trial_but_paying": _("An account on trial has a subscription that is none."),
    "unknown_account": _("The row names an account that is not in the folder."),
    "before_signup": _("The term begins before the account signed up."),
    "ends_before_start": _("The term ends before it starts, or on the same day."),
    "ended_without_churn": _("The term has an end but is not said to have churned."),
    "churn_without_end": _("The subscription is said to have churned but has no end."),
    "arr_differs": _("The yearly amount is not twelve times the monthly one."),
    "trial_with_price": _("A trial costs something."),
    "paid_for_nothing": _("A subscription that is no trial costs nothing."),
    "up_and_down": _("The subscription is said to have been upgraded and downgraded at once."),
    "unknown_subscription": _("The usage names a subscription that is not in the folder."),
    "used_before_term": _("The usage lies before its subscription began."),
    "used_after_term": _("The usage lies after its subscription ended."),
    "used_before_signup": _("The usage lies before the account signed up."),
    "id_twice": _("The id of the usage stands in an earlier row too; both are counted."),
    "churned_before_signup": _("The account churned before it signed up."),
    "paid_past_churn": _("A subscription runs past the day of the churn."),
    "churned_again": _("The account churned more than once."),
    "resolved_before_answer": _("The ticket was closed before its first answer. Both times are kept."),
    "asked_before_signup": _("The ticket came before the account signed up."),
    "churn_event": _("A churn event. Churn itself is derived from the subscriptions; the event is kept here."),
}


class Finding(NamedTuple):
    """One contradiction: in which file and line, of which account, and what exactly."""

    file: str
    line: int
    code: str
    account: str
    detail: str
    row: Row


class Folder:
    """The files, as rows by their names; `findings` goes through all of them."""

    def __init__(self, files: Mapping[str, Sequence[Row]]) -> None:
        self.files = files
        self.accounts = {row["account_id"]: row for row in files["accounts"]}
        self.terms = {row["subscription_id"]: row for row in files["subscriptions"]}
        self.of_account: dict[str, list[Row]] = defaultdict(list)
        for row in files["subscriptions"]:
            self.of_account[row["account_id"]].append(row)
        self.churns = Counter(row["account_id"] for row in files["churn_events"])

    def findings(self) -> Iterator[Finding]:
        looks = {
            "accounts": self._account,
            "subscriptions": self._term,
            "feature_usage": self._use,
            "churn_events": self._churn,
            "support_tickets": self._ticket,
        }
        self.seen: set[str] = set()
        for file, look in looks.items():
            for line, row in enumerate(self.files[file], 2):
                term = self.terms.get(row.get("subscription_id", ""), {})
                account = row.get("account_id") or term.get("account_id", "")
                for code, detail in look(row):
                    yield Finding(file, line, code, account, detail, row)

    def _account(self, row: Row) -> Iterator[tuple[str, str]]:
        key, terms = row["account_id"], self.of_account[row["account_id"]]
        running = [term for term in terms if not term["end_date"]]
        churned = row["churn_flag"] == "True"
        if churned and running:
            yield "churned_but_paying", f"{len(running)} running"
        if churned and not self.churns[key]:
            yield "churned_without_event", ""
        if self.churns[key] and not churned:
            yield "event_without_churn", f"{self.churns[key]} events"
        if not terms:
            yield "no_subscription", ""
        if running and row["plan_tier"] not in {term["plan_tier"] for term in running}:
            yield "plan_differs", f"{row['plan_tier']}: {', '.join(sorted({term['plan_tier'] for term in running}))}"
        if running and row["seats"] not in {term["seats"] for term in running}:
            yield "seats_differ", f"{row['seats']}: {', '.join(term['seats'] for term in running[:8])}"
        if row["is_trial"] == "True" and any(term["is_trial"] == "False" for term in running):
            yield "trial_but_paying", ""

    def _term(self, row: Row) -> Iterator[tuple[str, str]]:
        account, start, end = self.accounts.get(row["account_id"]), row["start_date"], row["end_date"]
        if account is None:
            yield "unknown_account", row["account_id"]
        elif start < account["signup_date"]:
            yield "before_signup", f"{start} < {account['signup_date']}"
        if end and end <= start:
            yield "ends_before_start", f"{start} … {end}"
        if end and row["churn_flag"] == "False":
            yield "ended_without_churn", end
        if row["churn_flag"] == "True" and not end:
            yield "churn_without_end", ""
        mrr, arr = float(row["mrr_amount"] or 0), float(row["arr_amount"] or 0)
        if arr != 12 * mrr:
            yield "arr_differs", f"{arr:g} ≠ 12 × {mrr:g}"
        if row["is_trial"] == "True" and mrr:
            yield "trial_with_price", f"{mrr:g}"
        if row["is_trial"] == "False" and not mrr:
            yield "paid_for_nothing", ""
        if row["upgrade_flag"] == "True" == row["downgrade_flag"]:
            yield "up_and_down", ""

    def _use(self, row: Row) -> Iterator[tuple[str, str]]:
        if row["usage_id"] in self.seen:
            yield "id_twice", row["usage_id"]
        self.seen.add(row["usage_id"])
        term, day = self.terms.get(row["subscription_id"]), row["usage_date"]
        if term is None:
            yield "unknown_subscription", row["subscription_id"]
            return
        if day < term["start_date"]:
            yield "used_before_term", f"{day} < {term['start_date']}"
        if term["end_date"] and day >= term["end_date"]:
            yield "used_after_term", f"{day} ≥ {term['end_date']}"
        account = self.accounts.get(term["account_id"])
        if account and day < account["signup_date"]:
            yield "used_before_signup", f"{day} < {account['signup_date']}"

    def _churn(self, row: Row) -> Iterator[tuple[str, str]]:
        key, day = row["account_id"], row["churn_date"]
        yield "churn_event", f"{day}, {row['reason_code']}"
        account = self.accounts.get(key)
        if account is None:
            yield "unknown_account", key
        elif day < account["signup_date"]:
            yield "churned_before_signup", f"{day} < {account['signup_date']}"
        past = [term for term in self.of_account[key] if term["start_date"] <= day < (term["end_date"] or "9999")]
        if past:
            yield "paid_past_churn", f"{len(past)} subscriptions"
        if self.churns[key] > 1:
            yield "churned_again", f"{self.churns[key]} times"

    def _ticket(self, row: Row) -> Iterator[tuple[str, str]]:
        account, day, closed = self.accounts.get(row["account_id"]), row["submitted_at"], row["closed_at"]
        if account is None:
            yield "unknown_account", row["account_id"]
        elif day[:10] < account["signup_date"]:
            yield "asked_before_signup", f"{day[:10]} < {account['signup_date']}"
        if closed and row["first_response_time_minutes"] and datetime.fromisoformat(closed) < _answered(row):
            yield "resolved_before_answer", f"{closed} < {_answered(row)}"


def _answered(row: Row) -> datetime:
    return datetime.fromisoformat(row["submitted_at"]) + timedelta(minutes=float(row["first_response_time_minutes"]))


def usage_events(folder: Folder) -> Iterator[list[str]]:
    """The usage as events of their accounts, with a header; the count is the amount. A repeated id gets a number."""
    yield ["account", "at", "event", "value", "message_id"]
    again: Counter[str] = Counter()
    for row in folder.files["feature_usage"]:
        again[row["usage_id"]] += 1
        number = again[row["usage_id"]]
        account = folder.terms.get(row["subscription_id"], {}).get("account_id", row["subscription_id"])
        known = row["usage_id"] if number == 1 else f"{row['usage_id']} ({number})"
        yield [account, row["usage_date"], row["feature_name"], row["usage_count"], known]

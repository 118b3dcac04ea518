"""Through which doors rows of accounts go: what a model has no door for is said here once, with the reason."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.db import DatabaseError, models, transaction
from django.db.models import Field, Model

from crm.lib.scope import ScopedModel

DERIVED = "is worked out anew by each run from what is known"
LEDGER = "is written once by the run of its day and never changed"
PART = "stands with the row that it is a part of"
RECORDED = "is how a change is taken back; the change itself is in the record"
OURS = "is how our own people divide their work, and no fact of the customer"
BUDGET = "follows from the mails and surveys that draw on the budget"
HELD = "follows from tickets, answers, outages and payments, and is lifted with them"
ON_ACCOUNT = "is read on its account, and people look for that"
UNDER = "is on record under the row that it is a turn or part of"

# door → model → why its rows do not go through it. Whatever is not named here does, or the build fails; what is named
# and goes through it all the same fails it as well.
WITHOUT: dict[str, dict[str, str]] = {
    "import": {
        "AccountFigures": DERIVED, "GoalReading": LEDGER, "HealthScore": LEDGER, "ScoreNow": DERIVED,
        "ScoreReading": DERIVED, "RiskSignal": DERIVED, "Outcome": DERIVED, "BulkEditRow": RECORDED,
        "ContactMerge": RECORDED, "Handover": OURS, "PutOff": OURS, "Reservation": BUDGET, "Hold": HELD,
        "NotAsked": "is whom a wave of ours did not draw", "Task": "is begun by playbooks and by hand",
        "Play": "is begun by signals", "PlayStep": PART, "FollowUp": "is written here and read before it goes",
        "OutboundMail": "goes out from here alone", "Onboarding": "begins with the subscriptions, which come in",
        "Forecast": "is said by whoever answers for it, before the renewal",
        "Consent": "is recorded person by person, in the exact words that were agreed to",
    },
    "export": {
        "AccountFigures": DERIVED, "BulkEditRow": RECORDED, "ContactMerge": RECORDED, "Handover": OURS,
        "GoalReading": "goes out by the API, for any day with its goal",
        "HealthScore": "goes out by the API, day by day", "PutOff": OURS, "Reservation": BUDGET, "Hold": HELD,
        "ScoreNow": "stands in the list of accounts, but the database takes no figure that would give it away",
        "ScoreReading": DERIVED, "PlayStep": PART, "OwnerChange": "goes out by the API; files name who owns now",
        "Invitation": "goes out by the API; files have what came back", "NotAsked": "goes out by the API",
        "Onboarding": "stands in the list of who is new, which a row with a strange day leaves",
    },
    "audit": {
        "AccountFigures": DERIVED, "GoalReading": LEDGER, "HealthScore": LEDGER, "ScoreNow": DERIVED,
        "ScoreReading": DERIVED, "Outcome": "one row for each run", "BulkEditRow": UNDER, "Consent": UNDER,
        "ContactMerge": UNDER, "Entry": UNDER, "GoalChange": UNDER, "OwnerChange": UNDER, "PromiseChange": UNDER,
        "SubscriptionChange": UNDER, "Trait": UNDER, "PlayStep": UNDER, "Invitation": "one row for the whole wave",
        "NotAsked": "one row for the whole wave", "MonthlyTotal": "one row for the whole import",
    },
    "timeline": {
        "Account": "is whose timeline it is", "Subscription": PART, "PlayStep": PART, "Trait": "describes it",
        "AccountFigures": DERIVED, "GoalReading": LEDGER, "HealthScore": "is the curve above it",
        "ScoreNow": DERIVED, "ScoreReading": DERIVED, "MonthlyTotal": "is use, which has charts of its own",
        "BulkEditRow": RECORDED, "ContactMerge": RECORDED, "Handover": "the change of the owner is on it",
        "PutOff": OURS, "Reservation": BUDGET, "Hold": HELD, "Invitation": "the mail is on it, and the answer",
        "NotAsked": "nothing happened to them", "Consent": "is of a person, and stands on the person's page",
        "Onboarding": "its milestones are on it", "Forecast": "expects what has not happened",
        "NotNeeded": "explains the score, and stands beside it",
    },
    "search": dict.fromkeys(
        (
            "AccountFigures", "Answer", "BulkEditRow", "Consent", "ContactMerge", "Entry", "FollowUp", "Forecast",
            "GoalChange", "GoalReading", "Handover", "HealthScore", "Hold", "Invitation", "MilestoneReach",
            "MonthlyTotal", "NotAsked", "NotNeeded", "Onboarding", "OutboundMail", "Outcome", "Override", "OwnerChange",
            "Payment", "Play", "PlayStep", "PromiseChange", "Pulse", "PutOff", "Reservation", "RiskSignal", "ScoreNow",
            "ScoreReading", "Subscription", "SubscriptionChange", "Task", "Trait",
        ),
        ON_ACCOUNT,
    ),
    "matrix": {
        "AccountFigures": DERIVED, "GoalReading": LEDGER, "HealthScore": LEDGER,
        "BulkEditRow": RECORDED, "ContactMerge": RECORDED, "Hold": HELD, "MonthlyTotal": "is asked for as usage",
        "Answer": "the own account has not answered, so that its link is still good; the others have",
        "Consent": "is reached by its contact alone, and contacts are there",
    },
}  # fmt: skip
# Columns by which rows are worked with: a strange value there would keep the row from being read.
LEFT_ALONE = {"time_zone", "language", "currency", "renews_on", "set_aside"}
FIRST = datetime(2019, 1, 1, 12, tzinfo=UTC)
WORDS, INSTANTS, DAYS = (models.CharField, models.TextField), (models.DateTimeField,), (models.DateField,)
FIGURES = (models.IntegerField, models.DecimalField)


def of_accounts() -> dict[str, type[Model]]:
    return {model.__name__: model for model in apps.get_models() if issubclass(model, ScopedModel)}


def mark(model: type[Model], n: int) -> set[str]:
    """Write values that stand nowhere else into all rows of a model: into all its words and figures, and a day.

    Returns how they read in a file or on a page; empty where the database takes them in no column.
    """
    at, words, figure = FIRST + timedelta(days=n), f"mark{n:02}x", 20_700 + n
    found = {words for field in _fit(model, WORDS, words) if _took(model, field, words)}
    found |= {str(figure) for field in _fit(model, FIGURES, figure) if _took(model, field, figure)}
    # One alone: a row that ends on the day on which it begins is none.
    for kinds, value in ((DAYS, at.date()), (INSTANTS, at)):
        if any(_took(model, field, value) for field in _fit(model, kinds, value)):
            found.add(f"{at:%Y-%m-%d}")
    return found


def _fit(model: type[Model], kinds: tuple[type[Any], ...], value: object) -> list["Field[Any, Any]"]:
    return [field for field in model._meta.concrete_fields if _fits(field, kinds, value)]


def _fits(field: "Field[Any, Any]", kinds: tuple[type[Any], ...], value: object) -> bool:
    plain = isinstance(field, kinds) and (kinds is not DAYS or not isinstance(field, models.DateTimeField))
    taken = field.primary_key or field.unique or field.remote_field or field.choices or field.name in LEFT_ALONE
    return plain and not taken and (kinds is not WORDS or len(str(value)) <= (field.max_length or 99))


def _took(model: type[Model], field: "Field[Any, Any]", value: object) -> bool:
    """Into all rows, or into one where no two may have the same; False where the database takes it in none."""
    rows = model._base_manager
    for chosen in (rows.all(), rows.filter(pk__in=rows.order_by("pk").values("pk")[:1])):
        with suppress(DatabaseError), transaction.atomic():  # a constraint or a trigger knows better
            return bool(chosen.update(**{field.name: value}))
    return False


def missing(door: str, found: set[str], known: set[str]) -> Iterator[str]:
    """What is wrong with a door: a model without it and without a reason, and a reason that holds no more."""
    reasons = WITHOUT[door]
    yield from (f"{door}: {name} does not go through it" for name in sorted(known - found - reasons.keys()))
    yield from (f"{door}: {name} goes through it all the same" for name in sorted(reasons.keys() & found))
    yield from (f"{door}: there is no {name}" for name in sorted(reasons.keys() - known))

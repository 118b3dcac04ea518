"""Every row of an account has its way out to programs, found by walking the models rather than a list of nouns."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.urls import get_resolver

from crm.lib.scope import ScopedModel

# What the API does not give as rows of its own, and why.
ELSEWHERE = {
    "Trait": "given by account as trait values",
    "ScoreNow": "given by account as scores",
    "ScoreReading": "given by account as scores",
    "HealthScore": "given by account and day as scores",
    "GoalReading": "given with the goal as progress of a day",
    "AccountFigures": "derived anew by each run from what is given",
    "MonthlyTotal": "what an import brought; given as usage days",
    "BulkEditRow": "how a change of many is taken back; each change is in the record",
    "ContactMerge": "how a merge is taken back; it is in the record",
    "Reservation": "the budget of mails; given with the follow-up or invitation that holds it",
    "Hold": "why nobody may be asked; follows from conversations and payments",
    "OutboundMail": "a mail on its way; given with the follow-up or invitation",
    "NotAsked": "the reason why somebody was not drawn; given with the wave",
    "Handover": "a page for the new owner; what it shows is given",
    "PutOff": "what one person put off on Today",
}


def of_accounts() -> dict[str, type[Model]]:
    return {model.__name__: model for model in apps.get_models() if issubclass(model, ScopedModel)}


def views(found: Any = None) -> Iterator[Any]:
    for each in (found or get_resolver()).url_patterns:
        if hasattr(each, "url_patterns"):
            yield from views(each)
        elif view := getattr(each.callback, "cls", None):
            yield view


def given() -> set[str]:
    """The models that serializers of the API show."""
    shapes = (getattr(view, "serializer_class", None) for view in views())
    metas = (getattr(shape, "Meta", None) for shape in shapes)
    return {meta.model.__name__ for meta in metas if hasattr(meta, "model")}


def test_the_api_gives_every_row_of_an_account_or_says_where_it_is() -> None:
    assert of_accounts().keys() - given() - ELSEWHERE.keys() == set()


def test_nothing_is_said_to_be_elsewhere_that_is_given_or_is_no_row_of_an_account() -> None:
    assert ELSEWHERE.keys() & given() == set()
    assert ELSEWHERE.keys() - of_accounts().keys() == set()

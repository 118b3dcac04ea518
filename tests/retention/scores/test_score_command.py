"""`manage.py score`: what it prints, and the sentences it refuses with."""

import json
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from retention.scorecards.models import Scorecard
from tests import factories
from tests.factories import NOW
from tests.retention import usage_rows as rows

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    with time_machine.travel(NOW, tick=False):
        call_command("score", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def acme() -> Any:
    feature = factories.feature(is_key=True)
    account = factories.account("Acme", external_id="acme")
    factories.subscription(account, 100, plan=factories.plan(feature), seats=10)
    rows.used(account, rows.event(feature), 30, ago=10)
    return account


def test_the_default_scorecard_is_made_and_all_accounts_are_judged(acme: Any) -> None:
    assert run("--day", "2026-11-21") == (
        "Accounts judged on 2026-11-21: 1, unknown of them: 0; rows added to the ledger: 1.\n"
    )
    assert Scorecard.objects.get().is_default
    assert "rows added to the ledger: 0" in run("--day", "2026-11-21")


def test_one_account_is_explained_in_a_sentence(acme: Any) -> None:
    # Breadth 1 of 1 is 100 points, depth 0 of 10 none; reach is a percentile and has nobody to compare with.
    said = run("--day", "2026-11-20", "--account", "acme").splitlines()[1]
    assert said == (
        "Acme: 50.0, at risk from 67 % of weight. Key features used: 1 of 1 key feature; "
        "Active people ÷ seats: 0 of 10 active people; "
        "Uses per price paid, all features: fewer than 50 accounts to compare with."
    )


def test_json_lists_every_account_or_the_components_of_one(acme: Any) -> None:
    all_of_them = json.loads(run("--day", "2026-11-21", "--json"))
    assert all_of_them["scores"] == [{"account": "acme", "points": 50.0, "band": "at_risk"}]
    one = json.loads(run("--day", "2026-11-21", "--account", "acme", "--json"))
    assert (one["points"], one["coverage"], one["revision"], one["hindsight"]) == (50.0, 0.667, 0, False)
    assert [part["points"] for part in one["components"]] == [100.0, 0.0, None]
    assert [part["contribution"] for part in one["components"]] == [50.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--day", "21.11.2026"], "--day must be a day such as 2026-11-21, not '21.11.2026'."),
        (["--day", "1999-12-31"], "--day must be 2000-01-01 or later, not 1999-12-31."),
        (["--day", "2026-11-22"], "2026-11-22 is still to come: scores exist through today."),
        (["--day", "2026-11-21", "--account", "x"], "There is no account with the external id 'x'."),
    ],
)
def test_what_cannot_be_scored_is_refused_in_a_sentence(words: Any, sentence: Any) -> None:
    with pytest.raises(CommandError) as refused:
        run(*words)
    assert str(refused.value) == sentence

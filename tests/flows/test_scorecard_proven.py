"""From imported files to a scorecard that is proven: made and published through its pages, asked of the past."""

import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command

from crm.subscriptions.models import SubscriptionChange
from retention.scorecards.models import Scorecard, ScorecardMeasure, ScorecardVersion, State
from retention.scores.models import HealthScore
from tests import factories
from tests.page_forms import posted

# 60 accounts of crm5 (shared/data/README.md): all 33 that left and 27 that stayed, every 200th of their events.
EXCERPT = Path(__file__).parents[1] / "data/crm5"
REACH = date(2023, 6, 30)
MORNING = datetime(2023, 7, 1, 8, tzinfo=UTC)
# From July 2022 to March, so that 90 days after each are known.
MONTH_ENDS = [date(2022 + month // 12, month % 12 + 1, 1) - timedelta(1) for month in range(7, 16)]

pytestmark = pytest.mark.django_db


def run(*words: str, **more: Any) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, skip_checks=True, **more)
    return out.getvalue()


@time_machine.travel(MORNING, tick=False)
def test_a_scorecard_is_made_and_published_through_its_pages_and_told_whether_it_predicts(as_user: Any) -> None:
    run("import_file", "crm5", str(EXCERPT))
    run("score", day="2023-07-01")
    ops = as_user(factories.user("ops_admin"))
    card = Scorecard.objects.get()
    made = published_by_hand(ops, card)
    assert [(row.kind, row.per_price, row.scale) for row in ScorecardMeasure.objects.filter(version=made)] == [
        ("breadth", False, "linear"), ("depth", False, "linear"), ("reach", True, "linear"),
    ]  # fmt: skip
    for day in MONTH_ENDS:
        run("score", day=str(day))
    written = HealthScore.objects.system("test").filter(version_id=made.pk)
    assert {row.day for row in written} == set(MONTH_ENDS) and all(row.hindsight for row in written)
    found = json.loads(run("backtest", "--json", "--horizon", "90", "--since", "2022-07-01"))
    assert (found["version"], found["draft"], found["known_through"]) == (made.number, False, str(REACH))
    told(made, found["horizons"]["90"])
    page = ops.get(f"/settings/scorecards/versions/{made.pk}/backtest/").content.decode()
    assert found["horizons"]["90"]["verdict"] in page


def published_by_hand(ops: Any, card: Scorecard) -> ScorecardVersion:
    """What somebody does in the browser: a draft of the default card, its reach per price anew, and into force."""
    here = f"/settings/scorecards/{card.pk}/draft/"
    assert f'action="{here}start/"' in ops.get("/settings/scorecards/").content.decode()
    assert ops.post(f"{here}start/").url == here
    reach = ScorecardMeasure.objects.get(version__state=State.DRAFT, kind="reach")
    kept = posted(ops.get(here).content.decode(), "draft", press=("then", f"remove-{reach.pk}"))
    assert ops.post(here, kept).url == here
    asked = {"kind": "reach", "window": 28, "per_price": "on"}
    offered = ops.get(f"{here}measure/", asked).content.decode()
    assert "Proposed: red " in offered and "A reading for " in offered
    assert ops.post(f"{here}measure/", asked).url == here
    breadth, depth, reach = ScorecardMeasure.objects.filter(version__state=State.DRAFT).order_by("position")
    typed = {
        f"m{breadth.pk}-red": "0", f"m{breadth.pk}-green": "40", f"m{breadth.pk}-weight": "2",
        f"m{depth.pk}-threshold": "1", f"m{reach.pk}-name": "Uses per price",
    }  # fmt: skip
    page = ops.get(here).content.decode()
    assert ops.post(here, posted(page, "draft", press=("then", "review"), **typed)).url == f"{here}review/"
    review = ops.get(f"{here}review/").content.decode()
    assert "change their band" in review and "Publishing opens no signal" in review
    assert ops.post(f"{here}publish/").url == "/settings/scorecards/"
    made = ScorecardVersion.objects.get(scorecard=card, state=State.PUBLISHED, number=2)
    assert "Health, version 2" in ops.get("/settings/scorecards/").content.decode()
    return made


def told(made: ScorecardVersion, found: Any) -> None:
    """The report holds together; whom it counts as judged and as gone, the ledger and the subscriptions say as well."""
    wanted = {"n", "churns", "auc", "interval", "bands", "baselines", "lead_time", "misses", "verdict"}
    assert wanted <= found.keys()
    assert found["landmarks"] == [str(day) for day in MONTH_ENDS]
    rows = HealthScore.objects.system("test").filter(version_id=made.pk).exclude(points=None)
    ends: dict[int, Any] = dict(
        SubscriptionChange.objects.system("test").order_by("ends_on").values_list("account_id", "ends_on")
    )
    gone = [row.account_id for row in rows if row.day < ends[row.account_id] <= min(row.day + timedelta(90), REACH)]
    assert (found["n"], found["left"], found["churns"]) == (len(rows), len(gone), len(set(gone)))
    assert sum(row["n"] for row in found["bands"]) == found["n"]
    assert sum(row["left"] for row in found["bands"]) == found["left"]
    assert found["leavers"] >= 20
    low, high = found["interval"]
    assert low <= found["auc"] <= high
    for plain in ("last_use", "days_to_renewal"):
        lift = found["baselines"][plain]["lift"]
        assert lift["value"] == pytest.approx(found["auc"] - found["baselines"][plain]["auc"])
    assert found["lead_time"]["churns"] == found["misses"]["churns"] == found["churns"]
    chance = low <= 0.5 <= high
    assert found["verdict"].startswith("Not shown to be predictive" if chance else "Shown to be predictive")

"""Which scorecard judges an account: the first one in the order whose conditions it meets."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from crm.segments import queries as segments
from retention.scorecards import queries as scorecards
from retention.scorecards.models import ScorecardVersion

# Conditions that cannot be run (a trait or a segment is gone) take nobody in and let nobody go.
_STANDS = """crm_account.id IN (SELECT account_id FROM retention_score_reading WHERE version_id IN
    (SELECT id FROM retention_scorecardversion WHERE scorecard_id = %s))"""


def assignment_sql(
    order: Sequence[ScorecardVersion], day: date, known: datetime | None = None
) -> tuple[str, list[Any]]:
    """SELECT account_id, version_id of every account, with its parameters; the last of the order takes the rest.

    Conditions are asked of `day`: days that count from today and traits are those of that day, as they were recorded by
    `known` (None: whenever). Plan, MRR, seats, renewal, last use, tags, segment, stage and owner are kept as they are
    now only, so they count as of now.
    """
    cases, parameters = "", []
    for version in order[:-1]:
        text, values = _condition(version, day, known)
        cases += f" WHEN ({text}) THEN {version.pk:d}"
        parameters += values
    taken = f"CASE{cases} ELSE {order[-1].pk:d} END" if cases else f"{order[-1].pk:d}"
    return f"SELECT crm_account.id AS account_id, {taken} AS version_id FROM crm_account", parameters


def _condition(version: ScorecardVersion, day: date, known: datetime | None) -> tuple[str, list[Any]]:
    if scorecards.problems_of(version.scorecard, day=day):
        return _STANDS, [version.scorecard_id]
    return segments.condition(scorecards.tree_of(version.scorecard), day=day, recorded=known)

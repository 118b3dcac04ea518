"""What is measured of accounts: the kinds there are, and their readings for all live accounts at once."""

from retention.measures.queries.behind import Behind, Line, Part, behind
from retention.measures.queries.kinds import AMOUNT, CHANGE, DAYS, KINDS, PART, RATING, WAY, Kind
from retention.measures.queries.reading import (
    WRITTEN_AT,
    Windows,
    has_usage,
    known_at,
    percentile_sql,
    points_sql,
    prepare,
    readings,
)
from retention.measures.queries.sparing import Spared, not_needed, not_needed_sql

__all__ = [
    "AMOUNT",
    "CHANGE",
    "DAYS",
    "KINDS",
    "PART",
    "RATING",
    "WAY",
    "WRITTEN_AT",
    "Behind",
    "Kind",
    "Line",
    "Part",
    "Spared",
    "Windows",
    "behind",
    "has_usage",
    "known_at",
    "not_needed",
    "not_needed_sql",
    "percentile_sql",
    "points_sql",
    "prepare",
    "readings",
]

"""Which scorecard judges whom, and why a score is what it is."""

from retention.scores.queries.assigning import assignment_sql
from retention.scores.queries.explaining import (
    Changes,
    Component,
    Help,
    Line,
    Why,
    changed_since,
    costliest_names,
    history,
    missing_words,
    points_on,
    reading_words,
    score_on,
    why,
)

__all__ = [
    "Changes",
    "Component",
    "Help",
    "Line",
    "Why",
    "assignment_sql",
    "changed_since",
    "costliest_names",
    "history",
    "missing_words",
    "points_on",
    "reading_words",
    "score_on",
    "why",
]

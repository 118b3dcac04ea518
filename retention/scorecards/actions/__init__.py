"""Changing how health is judged: drafts, their order, and publishing a version."""

from retention.scorecards.actions.checking import (
    check_measure,
    check_segment,
    features_without_events,
    no_events,
    require_configure,
)
from retention.scorecards.actions.drafting import (
    add_group,
    add_measure,
    discard_draft,
    dissolve_group,
    keep_row,
    remove_measure,
    remove_row,
    restore_draft,
    save_draft,
    start_draft,
)
from retention.scorecards.actions.ordering import (
    add_scorecard,
    change_scorecard,
    move_scorecard,
    retire_scorecard,
    return_scorecard,
)
from retention.scorecards.actions.publishing import PEOPLE_ACTIVE_FROM, begin_with, ensure_default_scorecard, publish

__all__ = [
    "PEOPLE_ACTIVE_FROM",
    "add_group",
    "add_measure",
    "add_scorecard",
    "begin_with",
    "change_scorecard",
    "check_measure",
    "check_segment",
    "discard_draft",
    "dissolve_group",
    "ensure_default_scorecard",
    "features_without_events",
    "keep_row",
    "move_scorecard",
    "no_events",
    "publish",
    "remove_measure",
    "remove_row",
    "require_configure",
    "restore_draft",
    "retire_scorecard",
    "return_scorecard",
    "save_draft",
    "start_draft",
]

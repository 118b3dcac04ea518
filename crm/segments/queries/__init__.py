"""What accounts can be filtered by, which ones a filter finds and why, and the filters that people have kept."""

from crm.segments.queries.fields import DAY, Field, Lists, fields, register
from crm.segments.queries.lists import EVERY, VIEWS, choices_of, lists, lists_of, wanted_by
from crm.segments.queries.matching import Unusable, condition, matching, narrowed, problems
from crm.segments.queries.payers import payers
from crm.segments.queries.reasons import Reason, reasons, reasons_of
from crm.segments.queries.saved import Count, counts, current, followers, segments_of, tree_of, views_of
from crm.segments.queries.words import comparisons, in_words, refusal, sentence

__all__ = [
    "DAY",
    "EVERY",
    "VIEWS",
    "Count",
    "Field",
    "Lists",
    "Reason",
    "Unusable",
    "choices_of",
    "comparisons",
    "condition",
    "counts",
    "current",
    "fields",
    "followers",
    "in_words",
    "lists",
    "lists_of",
    "matching",
    "narrowed",
    "payers",
    "problems",
    "reasons",
    "reasons_of",
    "refusal",
    "register",
    "segments_of",
    "sentence",
    "tree_of",
    "views_of",
    "wanted_by",
]

"""The Net Promoter Score of some answers, and how far it can be trusted. Scores are 0..10, results −100..100."""

from collections.abc import Mapping
from dataclasses import dataclass

from crm.lib.intervals import Interval, net_promoter, net_promoter_error


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it."""
    return text


LABEL = _("Survey answers")
ABOUT = _("Answers of 0 to 10 that customers gave elsewhere, with their reasons.")
SCORES = range(11)
# What an imported answer is of, and whose, where its file does not say.
IMPORTED, RESPONDENT = "Imported answers", "Respondent"
ANSWERS = "answers"
COLUMNS = {
    "account": ("account_id", "company_id", "customer_id", "account_external_id"),
    "score": ("nps", "nps_score", "rating", "answer"),
    "comment": ("reason", "verbatim", "explanation", "explication", "feedback", "text"),
    "answered_on": ("answered_at", "date", "submitted_at", "responded_at", "created_at"),
    "email": ("email_address", "e_mail", "mail"),
    "external_id": ("contact_id", "contact", "user_id", "respondent_id"),
    "name": ("respondent", "contact_name", "full_name"),
    "survey": ("survey_name", "wave", "campaign"),
}
EXAMPLE = {
    "account": "acme", "score": "9", "comment": "Planning takes half the time.", "answered_on": "2026-11-02",
    "email": "lena@acme.example", "external_id": "", "name": "Lena Vogt", "survey": "",
}  # fmt: skip
DETRACTOR_MAX, PROMOTER_MIN = 6, 9
ENOUGH = 10


@dataclass(frozen=True)
class Tally:
    """Answers by what they say: 9–10 promote, 7–8 are passive, 0–6 detract."""

    promoters: int
    passives: int
    detractors: int

    @property
    def total(self) -> int:
        return self.promoters + self.passives + self.detractors


def kind(score: int) -> str:
    if score >= PROMOTER_MIN:
        return "promoter"
    return "detractor" if score <= DETRACTOR_MAX else "passive"


def tally(answers: Mapping[int, int]) -> Tally:
    """Add up answers given as {score: how many}."""
    found = {"promoter": 0, "passive": 0, "detractor": 0}
    for score, count in answers.items():
        found[kind(score)] += count
    return Tally(found["promoter"], found["passive"], found["detractor"])


def net(counts: Tally) -> float:
    """The share of promoters less that of detractors, in points −100..100. No answers: ZeroDivisionError."""
    return 100 * (counts.promoters - counts.detractors) / counts.total


def standard_error(counts: Tally) -> float:
    """The plain standard error in points."""
    return net_promoter_error(counts.promoters, counts.detractors, counts.total)


def margin(counts: Tally, population: int | None = None) -> Interval | None:
    """Between which points the score of everyone who could have been asked lies; `population`: how many those are.

    None: no answers.
    """
    return net_promoter(counts.promoters, counts.passives, counts.detractors, population)


def enough(n: int, population: int) -> bool:
    """Whether the answers carry a figure: ten of them, or everyone who could have been asked (at least one)."""
    return n >= ENOUGH or 0 < population <= n

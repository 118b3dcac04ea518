"""What retention adds to the fields that accounts are filtered by: how they stand, and what waits on them."""

from dataclasses import replace

from django.utils.translation import gettext_lazy as _

from crm.segments import rules
from crm.segments.queries import DAY, Field, register
from crm.templatetags.ui import BAND_WORDS
from retention.pulses.queries import COUNTING, pulses_sql
from retention.risk_signals.models import SignalKind
from retention.scores.models import Band

_SCORE = "retention_score_now AS score"
_SIGNALS = "(SELECT account_id, kind AS value FROM retention_risksignal WHERE closed_at IS NULL) AS held"
_PULSES = COUNTING.format(pulses=pulses_sql()) + " AS held"
_PULSES = _PULSES.replace("%(day)s", "%s").replace("%(known)s", "%s")
_WAITS = "EXISTS (SELECT FROM {table} AS waits WHERE waits.account_id = crm_account.id AND {state})"
_TASK = _WAITS.format(table="retention_task", state="waits.done_at IS NULL AND waits.dismissed_at IS NULL")
_DRAFT = _WAITS.format(table="retention_followup", state="waits.state = 'draft'")
BANDS = {band.word: band for band in (Band.LEAVING, Band.AT_RISK, Band.STEADY, Band.THRIVING, Band.UNKNOWN)}


def register_fields() -> None:
    fields = (
        Field(
            "band", _("Health"), rules.CHOICE, "score.band", _SCORE,
            choices=[(word, BAND_WORDS[word]) for word in BANDS], convert=lambda word: int(BANDS[word]),
            absent="unknown",
        ),
        Field(
            "pulse", _("Pulse"), rules.NUMBER, "held.value", _PULSES,
            parameters=(DAY, None, None, DAY), unit=_("of 5"),
        ),
        Field("score", _("Score"), rules.NUMBER, "(score.points / 10.0)", _SCORE, unit=_("points")),
        Field("change", _("Score change in 28 days"), rules.NUMBER, "(score.change / 10.0)", _SCORE, unit=_("points")),
        Field("coverage", _("Score coverage"), rules.NUMBER, "(score.coverage / 10.0)", _SCORE, unit="%"),
        Field("signal", _("Open risk signal"), rules.WORDS, "held.value", _SIGNALS, choices=SignalKind.choices),
        Field("task", _("Open task"), rules.FLAG, _TASK),
        Field("draft", _("Draft waiting"), rules.FLAG, _DRAFT),
    )  # fmt: skip
    # Scores come first, so none of these may say by which scorecard an account is judged.
    register(*(replace(field, concluded=True) for field in fields))

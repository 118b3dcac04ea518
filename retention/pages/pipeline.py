"""When each step of the calculation last ran, in the order in which they run, and which loops are alive."""

import re
from datetime import timedelta
from typing import NamedTuple

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from crm.fills.models import Beat, Fill
from crm.staff.views import Request
from retention.pipeline import STAGES

STANDING_STILL = timedelta(minutes=3)
# What the ledger of work keeps beside the stages, and the loops that give signs of life.
OTHERS = {
    "windows_day": _("Day of the windows"),
    "ledger_day": _("Last day in the ledger"),
    "goal_day": _("Last day of goals"),
}
LOOPS = {"jobs": _("Jobs"), "long_work": _("Long work")}
# What stages say, without their figures: kept in English by whoever ran them, read in every language.
SAID = frozenset({
    gettext_noop("%(a)s accounts churned, %(b)s returned"),
    gettext_noop("No onboarding plan is set."),
    gettext_noop("%(a)s accounts began, %(b)s milestones recorded"),
    gettext_noop("Windows stand at %(a)s."),
    gettext_noop("Windows were rebuilt as of %(a)s."),
    gettext_noop("The windows were never built."),
    gettext_noop("No scorecard is published."),
    gettext_noop("Nothing has changed."),
    gettext_noop("%(a)s accounts were judged as of %(b)s."),
    gettext_noop("%(a)s ledger rows were written for %(b)s days."),
    gettext_noop("No day is due."),
    gettext_noop("The figures of %(a)s goals were kept."),
    gettext_noop("Today's figures are kept, or not due yet."),
    gettext_noop("%(a)s signals opened, %(b)s closed"),
    gettext_noop("%(a)s sent, %(b)s back as drafts, %(c)s withdrawn"),
    gettext_noop("%(a)s words prepared"),
    gettext_noop("%(a)s handovers made, %(b)s drafts followed their accounts"),
    gettext_noop("%(a)s plays started, %(b)s ended, %(c)s steps due"),
    gettext_noop("%(a)s tasks made"),
    gettext_noop("%(a)s tasks made, %(b)s withdrawn"),
    gettext_noop("%(a)s drafts written"),
    gettext_noop("%(a)s outcomes recorded"),
})  # fmt: skip
FIGURE = re.compile(r"\d+(?:-\d+)*")


class Row(NamedTuple):
    fill: Fill
    label: str | Promise

    @property
    def said(self) -> str:
        return in_words(self.fill.said)


def in_words(said: str) -> str:
    """What a stage said, in the reader's language; as it stands when it says something that is not known here."""
    figures, names = FIGURE.findall(said), iter("abc")
    text = FIGURE.sub(lambda _found: f"%({next(names, 'more')})s", said)
    return gettext(text) % dict(zip("abc", figures, strict=False)) if text in SAID else said


def pipeline(request: Request) -> HttpResponse:
    """For those who configure or look after sources: two queries beside session, person and settings."""
    if not (request.user.may("read_sources") or request.user.may("configure")):
        raise PermissionDenied
    known = {fill.stage: fill for fill in Fill.objects.order_by("stage")}
    stages = [Row(known.get(stage.name) or Fill(stage=stage.name), stage.label) for stage in STAGES]
    names = {stage.name for stage in STAGES}
    others = [Row(fill, OTHERS.get(name, name)) for name, fill in known.items() if name not in names]
    beats = [
        {"beat": beat, "label": LOOPS.get(beat.name, beat.name), "still": request.now - beat.at > STANDING_STILL}
        for beat in Beat.objects.order_by("name")
    ]
    failed = [fill for fill in known.values() if fill.failed]
    context = {"stages": stages, "others": others, "beats": beats, "failed": failed}
    return render(request, "retention/pipeline.html", context)

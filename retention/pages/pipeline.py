"""When each step of the calculation last ran, in the order in which they run, and which loops are alive."""

from datetime import timedelta
from typing import NamedTuple

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.fills.models import Beat, Fill
from crm.staff.views import Request
from retention.pipeline import STAGES, in_words

STANDING_STILL = timedelta(minutes=3)
# What the ledger of work keeps beside the stages, and the loops that give signs of life.
OTHERS = {
    "windows_day": _("Day of the windows"),
    "ledger_day": _("Last day in the ledger"),
    "goal_day": _("Last day of goals"),
}
LOOPS = {"jobs": _("Jobs"), "long_work": _("Long work")}


class Row(NamedTuple):
    fill: Fill
    label: str | Promise

    @property
    def said(self) -> str:
        return in_words(self.fill.said)


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

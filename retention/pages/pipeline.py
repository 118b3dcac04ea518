"""When each step of the calculation last ran, in the order in which they run, and which loops are alive."""

from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render

from crm.fills.models import Beat, Fill
from crm.staff.views import Request
from retention.pipeline import STAGES

STANDING_STILL = timedelta(minutes=3)


def pipeline(request: Request) -> HttpResponse:
    """For those who configure or look after sources: two queries beside session, person and settings."""
    if not (request.user.may("read_sources") or request.user.may("configure")):
        raise PermissionDenied
    known = {fill.stage: fill for fill in Fill.objects.order_by("stage")}
    names = [stage.name for stage in STAGES]
    stages = [known.get(name) or Fill(stage=name) for name in names]
    others = [fill for name, fill in known.items() if name not in names]
    beats = [{"beat": beat, "still": request.now - beat.at > STANDING_STILL} for beat in Beat.objects.order_by("name")]
    failed = [fill for fill in known.values() if fill.failed]
    context = {"stages": stages, "others": others, "beats": beats, "failed": failed}
    return render(request, "retention/pipeline.html", context)

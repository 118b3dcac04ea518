"""The result of a survey, wave by wave."""

from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from crm.segments.queries import segments_of
from crm.staff.views import Request, needs
from feedback.answers import queries, rules
from feedback.invitations.queries import spelled
from feedback.invitations.views import chosen_wave
from feedback.surveys import queries as surveys
from feedback.surveys.models import Survey


@require_safe
@needs("read")
def survey(request: Request, pk: int) -> HttpResponse:
    """The latest wave, or the one in `?wave=`: the figure with its margin, who answered, and who was not asked."""
    row = get_object_or_404(Survey.objects.select_related("sender"), pk=pk)
    waves = surveys.waves(row)
    wave = chosen_wave(waves, request.GET.get("wave", ""))
    if wave is None and request.GET.get("wave"):
        raise Http404
    context = {"survey": row, "waves": waves, "wave": wave, "may_edit": request.user.may("configure")}
    if wave is not None:
        found = queries.result(wave, request.user)
        context |= {
            "audience": segments_of(request.user).filter(pk=wave.audience_id).first() if wave.audience_id else None,
            "result": found,
            "wanted": rules.ENOUGH,
            "not_asked_url": f"{reverse('survey-not-asked', args=[pk])}?{urlencode({'wave': wave.pk})}",
            "left_out": spelled(found.left_out),
            "page": queries.answers(wave, request.user, after=_id(request.GET.get("after", ""))),
            "names": request.user.may("read_contact_data"),
        }
    return render(request, "feedback/survey.html", context)


def _id(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0

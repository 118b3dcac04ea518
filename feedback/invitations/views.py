"""Opening a wave, seen before it happens: how many, who, why not the others, and the mail itself."""

from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from crm.contacts.models import Contact
from crm.staff.queries import installation
from crm.staff.views import Request, needs
from feedback.invitations import actions, emails, queries, rules
from feedback.invitations.forms import WaveForm
from feedback.surveys import queries as surveys
from feedback.surveys.models import Survey, Wave
from feedback.surveys.rules import language_of

# The mail is a document of its own: it may style itself inline and do nothing else, and only we may frame it.
SANDBOX = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox",
    "X-Frame-Options": "SAMEORIGIN",
    "Cache-Control": "no-store",
}


@require_http_methods(["GET", "HEAD", "POST"])
@needs("configure")
def survey_wave(request: Request, pk: int) -> HttpResponse:
    """GET shows what would happen, POST makes it happen; the number asked is in the button."""
    survey = get_object_or_404(Survey.objects.select_related("sender"), pk=pk)
    form = WaveForm(request.POST if request.method == "POST" else request.GET or None)
    target = form.cleaned_data["target"] if form.is_valid() else rules.SUGGESTED
    if request.method == "POST" and form.is_valid():
        try:
            wave = actions.open_wave(survey, target=target, at=request.now, by=request.user)
        except ValidationError as error:
            form.add_error(None, ValidationError(error.messages))
        else:
            return redirect(f"{reverse('survey', args=[pk])}?{urlencode({'wave': wave.pk})}")
    circle = queries.circle(survey, target=target, at=request.now)
    languages = list(surveys.texts(survey))
    context = {
        "survey": survey,
        "form": form if form.is_bound else WaveForm(initial={"target": target}),
        "target": target,
        "circle": circle,
        "too_soon": queries.too_soon(survey, at=request.now),
        "most": rules.most(circle.asked, circle.eligible),
        "button": ngettext("Ask %(n)s customer", "Ask %(n)s customers", circle.asked) % {"n": circle.asked},
        "mails": [
            {"language": each, "url": f"{reverse('survey-mail', args=[pk, each])}?{urlencode({'target': target})}"}
            for each in languages
        ],
    }
    return render(request, "feedback/wave.html", context, status=422 if form.errors else 200)


@require_safe
@needs("configure")
def survey_mail(request: Request, pk: int, language: str) -> HttpResponse:
    """The invitation as the person drawn first would read it, in another language a sample; its links lead nowhere."""
    survey = get_object_or_404(Survey.objects.select_related("sender"), pk=pk)
    texts = surveys.words(survey)
    if language not in texts:
        raise Http404
    form = WaveForm(request.GET)
    target = form.cleaned_data["target"] if form.is_valid() else rules.SUGGESTED
    circle = queries.circle(survey, target=target, at=request.now)
    people = Contact.objects.system("only who sees every account comes here").select_related("account__merged_into")
    reader = people.filter(pk=circle.first or 0).first()
    if reader is None or language_of(reader.language, reader.account.language, available=tuple(texts)) != language:
        name, job_title = emails.SAMPLES[language]
        reader = Contact(name=name, job_title=job_title)
    since = queries.customer(reader).customer_since if reader.pk else None
    known = emails.facts(
        survey,
        reader,
        since=since,
        circle=(circle.asked, circle.eligible),
        ours=installation(),
        day=request.now.date(),
    )
    letter = emails.letter(known, texts[language], url="#")
    return HttpResponse(emails.document(letter, language), headers=SANDBOX)


@require_safe
@needs("read")
def survey_not_asked(request: Request, pk: int) -> HttpResponse:
    """Everyone whom a wave left out, with the reason."""
    survey = get_object_or_404(Survey, pk=pk)
    waves = surveys.waves(survey)
    wave = chosen_wave(waves, request.GET.get("wave", ""))
    if wave is None:
        raise Http404
    reason = request.GET.get("reason", "")
    reason = reason if reason in rules.REASONS else ""
    after = request.GET.get("after", "")
    page = queries.not_asked(wave, request.user, reason=reason, after=_id(after))
    context = {
        "survey": survey,
        "wave": wave,
        "reason": reason,
        "reasons": queries.spelled(queries.not_asked_counts(wave, request.user)),
        "rows": [(row, _(rules.REASONS.get(row.reason, row.reason))) for row in page.rows],
        "next": page.next,
        "names": request.user.may("read_contact_data"),
    }
    return render(request, "feedback/not_asked.html", context)


def chosen_wave(waves: list[Wave], wanted: str) -> Wave | None:
    """The wave that the address names, the latest when it names none; None when there is no such wave."""
    if not wanted:
        return waves[0] if waves else None
    return next((wave for wave in waves if str(wave.pk) == wanted), None)


def _id(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0

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
from crm.templatetags.ui import number
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
    form = _asked(request, survey)
    if request.method == "POST" and form.is_valid():
        try:
            wave = actions.open_wave(survey, **form.cleaned_data, at=request.now, by=request.user)
        except ValidationError as error:
            form.add_error(None, ValidationError(error.messages))
        else:
            return redirect(f"{reverse('survey', args=[pk])}?{urlencode({'wave': wave.pk})}")
    circle = _circle(request, survey, form)
    state = _state(form)
    context = {
        "survey": survey,
        "form": form,
        "circle": circle,
        "audience": form.cleaned_data.get("audience"),
        "too_soon": queries.too_soon(survey, at=request.now),
        "most": rules.most(circle.asked, circle.eligible),
        "button": ngettext("Ask %(n)s customer", "Ask %(n)s customers", circle.asked) % {"n": number(circle.asked)},
        "members_url": f"{reverse('survey-audience', args=[pk])}?{state}",
        "mails": [
            {"language": each, "url": f"{reverse('survey-mail', args=[pk, each])}?{state}"}
            for each in (surveys.texts(survey) if circle.asked else ())
        ],
    }
    return render(request, "feedback/wave.html", context, status=422 if form.errors else 200)


def _asked(request: Request, survey: Survey) -> WaveForm:
    """What the address or the form says; where it says nothing, the audience of last time."""
    if request.method == "POST":
        return WaveForm(request.POST, user=request.user)
    last = queries.latest_wave(survey)
    before = {"target": rules.SUGGESTED, "audience": last.audience_id if last and last.audience_id else ""}
    return WaveForm(before | request.GET.dict(), user=request.user)


def _circle(request: Request, survey: Survey, form: WaveForm) -> queries.Circle:
    """The draw that the form asks for; nobody while it cannot be read, rather than everybody."""
    form.is_valid()
    given = form.cleaned_data
    if given.keys() >= {"audience", "target"}:
        try:
            among = queries.audience(given["audience"], user=request.user, at=request.now)
            return queries.circle(survey, target=given["target"], among=among, at=request.now)
        except ValidationError as error:
            form.add_error(None, error)
    return queries.Circle()


def _state(form: WaveForm) -> str:
    return urlencode({name: form[name].value() or "" for name in ("audience", "target")})


@require_safe
@needs("configure")
def survey_audience(request: Request, pk: int) -> HttpResponse:
    """The audience account by account: why each is in, and who of its people would be asked or not, and why not."""
    survey = get_object_or_404(Survey.objects.select_related("sender"), pk=pk)
    form = _asked(request, survey)
    page = queries.Members([], None)
    if form.is_valid():
        given, after = form.cleaned_data, _id(request.GET.get("after", ""))
        try:
            page = queries.members(
                survey, given["audience"], target=given["target"], user=request.user, after=after, at=request.now
            )
        except ValidationError as error:
            form.add_error(None, error)
    context = {
        "survey": survey,
        "form": form,
        "audience": form.cleaned_data.get("audience"),
        "page": page,
        "wave_url": f"{reverse('survey-wave', args=[pk])}?{_state(form)}",
    }
    return render(request, "feedback/audience.html", context, status=422 if form.errors else 200)


@require_safe
@needs("configure")
def survey_mail(request: Request, pk: int, language: str) -> HttpResponse:
    """The invitation as the person drawn first would read it, in another language a sample; its links lead nowhere."""
    survey = get_object_or_404(Survey.objects.select_related("sender"), pk=pk)
    texts = surveys.words(survey)
    if language not in texts:
        raise Http404
    form = _asked(request, survey)
    circle = _circle(request, survey, form)
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
        chosen=form.cleaned_data.get("audience") is not None,
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

"""The page that an invitation opens: shown by GET, which never writes, and answered by POST.

There is no CSRF token and no cookie: the signed link itself is the right to answer this one invitation. Whoever
forges a request would have to know the link, and with the link needs no forgery; a cookie, on the other hand,
is what the browsers inside mail programs do not keep.
"""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_language
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from crm.audit.rules import Respondent
from crm.staff.queries import installation
from crm.staff.views import Request
from feedback.answers import queries, rules
from feedback.answers.actions import TooLate, give_answer
from feedback.answers.forms import COMMENT_LIMIT, AnswerForm, score_in
from feedback.answers.models import Answer
from feedback.invitations import emails
from feedback.invitations import queries as invitations
from feedback.invitations.models import Invitation
from feedback.surveys import queries as surveys

# Nothing about the person stays in caches, search engines or the address that the next site sees.
QUIET = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: Request, token: str) -> HttpResponse:
    invitation = invitations.invitation_of(token, at=request.now)
    if invitation is None:
        return _page(request, "public/survey_closed.html", {"used": False}, status=404)
    with translation.override(invitation.language):
        response = _answered(request, invitation, token) if request.method == "POST" else _shown(request, invitation)
        response.headers["Content-Language"] = get_language() or invitation.language
    return response


def _shown(request: Request, invitation: Invitation) -> HttpResponse:
    given = queries.answer_of(invitation)
    if given and not queries.editable(given, at=request.now):
        return _closed(request, invitation)
    if given and "sent" in request.GET:
        return _page(request, "public/survey_thanks.html", _context(invitation, given))
    chosen = score_in(request.GET.get("score", ""))
    if chosen is None and given:
        chosen = given.score
    return _asked(request, invitation, given, chosen=chosen, comment=given.comment if given else "")


def _answered(request: Request, invitation: Invitation, token: str) -> HttpResponse:
    form = AnswerForm(request.POST)
    if not form.is_valid():
        given = queries.answer_of(invitation)
        if given and not queries.editable(given, at=request.now):
            return _closed(request, invitation)
        chosen = score_in(form.data.get("score", ""))
        return _asked(request, invitation, given, chosen=chosen, comment=form.kept_comment, form=form)
    score, comment = form.cleaned_data["score"], form.cleaned_data["comment"]
    try:
        give_answer(invitation, score=score, comment=comment, at=request.now, by=Respondent(invitation.pk))
    except TooLate:
        return _closed(request, invitation)
    # A page that is loaded again must not send again.
    response = HttpResponseRedirect(f"{reverse('answer', args=[token])}?sent=1", headers=QUIET)
    response.status_code = 303
    return response


def _closed(request: Request, invitation: Invitation) -> HttpResponse:
    return _page(request, "public/survey_closed.html", {"used": True} | _context(invitation, None))


def _asked(
    request: Request,
    invitation: Invitation,
    given: Answer | None,
    *,
    chosen: int | None,
    comment: str,
    form: AnswerForm | None = None,
) -> HttpResponse:
    context = _context(invitation, given) | {
        "chosen": chosen,
        "comment": comment,
        "form": form,
        "scores": rules.SCORES,
        "limit": COMMENT_LIMIT,
    }
    return _page(request, "public/survey.html", context, status=422 if form else 200)


def _context(invitation: Invitation, given: Answer | None) -> dict[str, object]:
    wave, contact, ours = invitation.wave, invitation.contact, installation()
    survey = wave.survey
    words = surveys.words(survey, site=ours)
    known = emails.facts(
        survey,
        contact,
        since=invitations.customer(contact).customer_since,
        circle=(wave.asked, wave.eligible),
        chosen=wave.audience_id is not None,
        ours=ours,
        day=invitation.created_at.date(),
    )
    stop = invitations.stop_link(invitation)
    said = emails.phrases(known, invitation.language)
    return {
        "known": known,
        "said": said,
        "role": said.signature[1],
        "words": words.get(invitation.language) or next(iter(words.values())),
        "token": invitations.token_of(invitation),
        "answer": given,
        "until": given.answered_at + queries.EDITABLE if given else None,
        "stop_url": emails.stop_url(stop) if stop else "",
    }


def _page(request: HttpRequest, template: str, context: dict[str, object], status: int = 200) -> HttpResponse:
    response = render(request, template, context, status=status)
    for name, value in QUIET.items():
        response.headers[name] = value
    return response

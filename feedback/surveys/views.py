"""The list of surveys, and the page where ops writes one."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from crm.staff.views import Request, needs
from feedback.surveys import actions, queries
from feedback.surveys.forms import SurveyForm, text_forms, texts_of
from feedback.surveys.models import Survey


@require_safe
@needs("read")
def surveys(request: Request) -> HttpResponse:
    rows = list(queries.surveys())
    return render(request, "feedback/surveys.html", {"surveys": rows, "may_edit": request.user.may("configure")})


@require_http_methods(["GET", "HEAD", "POST"])
@needs("configure")
def survey_new(request: Request) -> HttpResponse:
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@needs("configure")
def survey_edit(request: Request, pk: int) -> HttpResponse:
    return _edit(request, get_object_or_404(Survey, pk=pk))


def _edit(request: Request, survey: Survey | None) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    form = SurveyForm(data, instance=survey, initial={} if survey else {"sender": request.user.pk})
    words = text_forms(data, queries.texts(survey) if survey else {}, fresh=survey is None)
    if data is not None and all([form.is_valid(), *(each.is_valid() for each in words)]):
        try:
            saved = _save(request, survey, form, texts_of(words))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect("survey", saved.pk)
    context = {"form": form, "texts": words, "survey": survey}
    return render(request, "feedback/survey_form.html", context, status=422 if data is not None else 200)


def _save(request: Request, survey: Survey | None, form: SurveyForm, texts: dict[str, dict[str, str]]) -> Survey:
    fields = form.cleaned_data
    if survey is None:
        return actions.create_survey(texts=texts, at=request.now, by=request.user, **fields)
    return actions.change_survey(survey, texts=texts, at=request.now, by=request.user, **fields)

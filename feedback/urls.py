"""Addresses of feedback: surveys for staff, and the public pages that customers answer."""

from django.urls import URLPattern, URLResolver, include, path

from feedback.answers import views as answers
from feedback.invitations import views as invitations
from feedback.public import answering
from feedback.surveys import views as surveys

urlpatterns: list[URLPattern | URLResolver] = [
    path("surveys/", surveys.surveys, name="surveys"),
    path("surveys/new/", surveys.survey_new, name="survey-new"),
    path("surveys/<int:pk>/", answers.survey, name="survey"),
    path("surveys/<int:pk>/edit/", surveys.survey_edit, name="survey-edit"),
    path("surveys/<int:pk>/wave/", invitations.survey_wave, name="survey-wave"),
    path("surveys/<int:pk>/audience/", invitations.survey_audience, name="survey-audience"),
    path("surveys/<int:pk>/mail/<str:language>/", invitations.survey_mail, name="survey-mail"),
    path("surveys/<int:pk>/not-asked/", invitations.survey_not_asked, name="survey-not-asked"),
    path("s/<str:token>/", answering.answer, name="answer"),
    path("", include("feedback.api.urls")),
]

"""What was asked, of whom, and what came back."""

from typing import Any

from rest_framework import serializers

from crm.api.bodies import Day, Id
from crm.api.nouns import Asked, OfAccount, Readable, Shape
from feedback.answers.models import Answer
from feedback.invitations.models import Invitation
from feedback.surveys.models import Survey, Wave


class SurveyShape(Shape):
    class Meta:
        model = Survey
        fields = (
            "id", "name", "kind", "sender", "minimum_tenure_days", "minimum_uses", "cooldown_days",
            "reply_working_days", "created_at",
        )  # fmt: skip


class Surveys(Readable):
    """One question with an open follow-up, asked in waves."""

    group = "surveys"
    serializer_class = SurveyShape

    def rows(self) -> Any:
        return Survey.objects.all()


class WaveShape(Shape):
    class Meta:
        model = Wave
        fields = ("id", "survey", "audience", "opened_at", "opened_by", "target", "eligible", "asked")


class AskedWaves(Asked):
    survey = Id(required=False, source="survey_id")


class Waves(Readable):
    """Rounds of surveys. How many were asked is said to whoever sees all accounts."""

    group = "surveys"
    serializer_class = WaveShape
    asked = AskedWaves

    def rows(self) -> Any:
        return Wave.objects.all() if self.request.user.may("read_audit") else Wave.objects.none()


class InvitationShape(Shape):
    class Meta:
        model = Invitation
        fields = ("id", "wave", "account", "contact", "language", "created_at", "expires_at")


class AskedInvitations(OfAccount):
    wave = Id(required=False, source="wave_id")


class Invitations(Readable):
    """Who was asked. The links that open them are for those who were asked alone."""

    group = "surveys"
    serializer_class = InvitationShape
    asked = AskedInvitations

    def rows(self) -> Any:
        return Invitation.objects.visible_to(self.request.user)


class AnswerShape(Shape):
    survey = serializers.IntegerField(source="invitation.wave.survey_id", read_only=True)

    class Meta:
        model = Answer
        fields = (
            "id", "survey", "invitation", "account", "contact", "score", "comment", "answered_at", "edited_at",
            "set_aside",
        )  # fmt: skip


class AskedAnswers(OfAccount):
    survey = Id(required=False, source="invitation__wave__survey_id")
    since = Day(required=False, source="answered_at__date__gte")


class Answers(Readable):
    """What customers said: 0 (not at all likely) to 10 (certainly). `set_aside`: why one does not count."""

    group = "surveys"
    serializer_class = AnswerShape
    asked = AskedAnswers

    def rows(self) -> Any:
        return Answer.objects.visible_to(self.request.user).select_related("invitation__wave")

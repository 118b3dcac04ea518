"""Where Django looks for the rows of this app, in the order in which data flows."""

from feedback.surveys.models import Survey, SurveyText, Wave
from feedback.invitations.models import Invitation, NotAsked
from feedback.answers.models import Answer

__all__ = ["Answer", "Invitation", "NotAsked", "Survey", "SurveyText", "Wave"]

"""The addresses of feedback's nouns under /api/v1/."""

from crm.api.nouns import router
from feedback.api import asking

urlpatterns = router(surveys=asking.Surveys, waves=asking.Waves, invitations=asking.Invitations, answers=asking.Answers)

from django.apps import AppConfig


class FeedbackConfig(AppConfig):
    name = "feedback"

    def ready(self) -> None:
        from crm.lib.personal import Mentions, Own, register

        register(
            Own("feedback.Answer", "contact", {"comment": ""}),
            Own("feedback.Invitation", "contact", {}, hidden=("link",)),
            Mentions("feedback.Answer", ("comment",)),
        )

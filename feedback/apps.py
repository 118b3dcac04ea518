from django.apps import AppConfig


class FeedbackConfig(AppConfig):
    name = "feedback"

    def ready(self) -> None:
        from django.utils.translation import gettext_lazy as _

        from crm.keys.models import Group, register_groups
        from crm.lib.personal import Mentions, Own, register

        register_groups(Group("surveys", _("Surveys and their answers"), writable=False))
        register(
            Own("feedback.Answer", "contact", {"comment": ""}),
            Own("feedback.Invitation", "contact", {}, hidden=("link",)),
            Mentions("feedback.Answer", ("comment",)),
        )

from django.apps import AppConfig


class FeedbackConfig(AppConfig):
    name = "feedback"

    def ready(self) -> None:
        from django.utils.translation import gettext_lazy as _

        from crm.contacts.actions import Follows, following
        from crm.exports import rules as exports
        from crm.imports import rules as imports
        from crm.keys.models import Group, register_groups
        from crm.lib.personal import Mentions, Own, register
        from crm.staff.queries import PARTS
        from feedback.answers import rules
        from feedback.answers.actions import import_answers
        from feedback.answers.forms import read_imported
        from feedback.answers.queries import EXPORTS

        for export in EXPORTS:
            exports.register(export)
        PARTS["surveys"] = "feedback_survey"
        register_groups(Group("surveys", _("Surveys and their answers"), writable=False))
        # Whoever both records were asked as in one wave, or left out of it, stays on record as both.
        following.extend(
            (
                Follows("feedback.Invitation", once=("wave",)),
                Follows("feedback.NotAsked", once=("wave",)),
                Follows("feedback.Answer"),
            )
        )
        register(
            Own("feedback.Answer", "contact", {"comment": ""}),
            Own("feedback.Invitation", "contact", {}, hidden=("link",)),
            Mentions("feedback.Answer", ("comment",)),
        )
        imports.register(
            imports.Kind(
                rules.ANSWERS,
                rules.LABEL,
                rules.ABOUT,
                rules.COLUMNS,
                required=(("account",), ("score",)),
                examples=(rules.EXAMPLE,),
                dates=("answered_on",),
                tables=(
                    "feedback_answer", "feedback_invitation", "feedback_wave", "feedback_surveytext", "feedback_survey",
                    "crm_contact",
                ),
                names_account=True,
                identity=("account", "external_id", "email", "name", "survey", "answered_on"),
                read=read_imported,
                write=import_answers,
            )
        )  # fmt: skip

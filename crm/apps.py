from typing import Any

from django.apps import AppConfig


class CrmConfig(AppConfig):
    name = "crm"

    def ready(self) -> None:
        from crm.accounts.actions import around_move, renaming
        from crm.calendars.actions import around_change
        from crm.consents import actions as consents
        from crm.contacts.actions import Follows, following
        from crm.conversations.actions import leave_conversations, moving_clocks
        from crm.imports import rules as imports
        from crm.imports.forms.facts import FACTS
        from crm.imports.forms.hours import HOURS
        from crm.keys.actions import revoke_keys_of
        from crm.outbox import actions as outbox
        from crm.segments.actions import follow_tag
        from crm.sign_in.actions import withdraw_links_of
        from crm.staff.actions import leaving
        from crm.staff.queries import PARTS, SIGNS

        PARTS["renewals"], PARTS["plans"], PARTS["features"] = "crm_subscription", "crm_plan", "crm_feature"
        PARTS["traits"], PARTS["api-keys"] = "crm_traitdefinition", "crm_apikey"
        PARTS["promises"], PARTS["conversations"] = "crm_promise", "crm_conversation"
        SIGNS["webhook paused"] = "crm_webhook_endpoint WHERE is_active AND paused_at IS NOT NULL"
        renaming.append(follow_tag)
        around_change.append(moving_clocks)
        around_move.append(moving_clocks)
        leaving.extend((withdraw_links_of, revoke_keys_of, outbox.return_mails_of, leave_conversations))
        following.extend(
            (
                Follows("crm.Consent", settle=consents.keep_refusals),
                Follows("crm.OutboundMail", settle=outbox.keep_refusals),
                Follows("crm.Reservation"),
                Follows("crm.Person"),
                Follows("crm.Promise"),
                Follows("crm.Conversation"),
            )
        )
        for kind in (*FACTS, *HOURS):
            imports.register(kind)
        register_kept()


def register_kept() -> None:
    """What crm keeps of customers' people, and what is left of it when one of them is erased."""
    from crm.erasures import actions as erasures
    from crm.erasures import queries as held
    from crm.imports import actions as imports
    from crm.lib.personal import ERASED, Apart, Mentions, Own, register
    from crm.outbox import actions as outbox
    from crm.uploads import actions as uploads

    contact: dict[str, Any] = {"external_id": None, "name": "", "email": "", "job_title": "", "phone": ""}
    contact |= {"language": "", "time_zone": "", "audit_key": b""}
    mail: dict[str, Any] = {"to_name": "", "to_address": "", "subject": ERASED, "body_text": ERASED, "body_html": ""}
    mail |= {"headers": {}, "server_said": "", "exemption": ""}
    secret = ("key", "claim", "lease_until", "body_hash", "message_id")
    register(
        Own("crm.Contact", "pk", contact, hidden=("audit_key",)),
        Apart(
            "people",
            ("crm_person.external_id", "crm_person.traits", "crm_person.trait_times"),
            erase=erasures.erase_people,
            export=held.people_rows,
        ),
        Own("crm.Consent", "contact", {"source": "", "wording": ERASED}),
        Own("crm.Entry", "conversation__contact", {"text": ERASED}),
        Own("crm.Conversation", "contact", {"subject": "", "external_id": None}),
        Own("crm.OutboundMail", "contact", mail, hidden=secret),
        Own("crm.Promise", "contact", {}),
        Mentions("crm.Promise", ("text",)),
        Mentions("crm.PromiseChange", ("why",)),
        Mentions("crm.Payment", ("why",)),
        Mentions("crm.Goal", ("words",)),
        Mentions("crm.GoalChange", ("why",)),
        Own("crm.ContactMerge", "contact", {"before": {"email": "", "into": {}}}),
        Own("crm.ContactMerge", "into", {"before": {"email": "", "into": {}}}),
        Apart("mails cancelled", erase=outbox.forget),
        Apart("mail files", sweep=outbox.remove_files),
        Mentions("crm.Account", ("next_step",), of="pk"),
        Mentions("crm.Trait", ("text",)),
        Mentions("crm.Conversation", ("subject",)),
        Mentions("crm.Entry", ("text",), of="conversation__account"),
        # What only its sender sees; once it is in a conversation, the words stand there alone.
        Mentions("crm.CapturedMail", ("subject", "text", "recipients", "references"), of="", whole=True),
        Mentions("crm.BulkEditRow", ("before", "after")),
        Mentions("crm.Segment", ("name", "tree"), of=""),
        Mentions("crm.SavedView", ("name", "query"), of=""),
        Mentions("crm.ImportRun", ("filename",), of=""),
        Mentions("crm.ImportRefusal", ("reason", "said", "row"), of="", whole=True),
        Mentions("crm.ImportFinding", ("detail", "row"), of="", whole=True),
        Apart(
            "effects of imports",
            ("crm_importeffect.before", "crm_importeffect.after", "crm_importeffect.left"),
            erase=imports.forget_effects,
        ),
        Mentions("crm.Upload", ("filename", "note", "problem", "sample", "unclear"), of=""),
        Mentions("crm.UploadRow", ("cells", "reason", "said", "changes"), of="", whole=True),
        Apart("uploaded files", ("crm_uploadpiece.data",), sweep=uploads.forget_named),
        Apart("raw requests", ("crm_inbox_batch.body", "crm_inbox_batch.failed"), sweep=erasures.sweep_inbox),
        Apart(
            "refused events",
            ("crm_reject.message_id", "crm_reject.reason", "crm_reject.excerpt"),
            sweep=erasures.sweep_rejects,
        ),
        Apart("record", export=held.record_rows),
    )

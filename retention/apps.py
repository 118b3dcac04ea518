from django.apps import AppConfig

# What was concluded about an account goes with it, where an import that made it is undone; only the ledger, which is
# never changed, keeps what it said (ADR 16).
TABLES = (
    "retention_score_now", "retention_score_reading", "retention_risksignal", "retention_onboarding",
    "retention_milestonereach",
)  # fmt: skip


class RetentionConfig(AppConfig):
    name = "retention"

    def ready(self) -> None:
        from django.utils.translation import gettext_lazy as _

        from crm.accounts.actions import handing_over
        from crm.contacts.actions import Follows, following
        from crm.exports import rules as exports
        from crm.imports import rules as imports
        from crm.imports.actions import derived
        from crm.keys.models import Group, register_groups
        from crm.segments.views import before_change
        from crm.staff.actions import leaving
        from crm.staff.queries import PARTS, SIGNS
        from retention.follow_ups.actions import put_doubles_aside, take_back_from
        from retention.handovers.actions import hand_over
        from retention.measures.forms import KIND as NOT_NEEDED
        from retention.measures.queries.sparing import EXPORTS as SPARED
        from retention.onboarding import rules as onboarding
        from retention.onboarding.actions import import_reached
        from retention.onboarding.forms import read_reached
        from retention.overrides.forms import KIND as OVERRIDE
        from retention.overrides.queries import EXPORTS as OVERRIDES
        from retention.pages.fields import register_fields
        from retention.pages.switching import before_segment
        from retention.pulses import rules as pulses
        from retention.pulses.actions import import_pulses
        from retention.pulses.forms import read_pulse
        from retention.pulses.queries import EXPORTS as PULSES

        PARTS["playbooks"] = "retention_play"
        PARTS["onboardings"], PARTS["onboarding-plans"] = "retention_onboarding", "retention_onboardingplan"
        SIGNS["begun"] = "retention_scorecardversion WHERE published_by_id IS NOT NULL"
        register_fields()
        imports.register(
            imports.Kind(
                pulses.PULSES,
                pulses.LABEL,
                pulses.ABOUT,
                pulses.COLUMNS,
                required=(("account",), ("pulse",), ("reason",)),
                examples=(pulses.EXAMPLE,),
                dates=("on", "valid_until"),
                tables=("retention_pulse",),
                names_account=True,
                identity=("account", "on", "value", "reason"),
                read=read_pulse,
                write=import_pulses,
            )
        )
        imports.register(OVERRIDE)
        imports.register(NOT_NEEDED)
        for table in TABLES:
            derived[table] = "account_id"
        register_groups(
            Group("onboarding", _("Onboarding and its plans")),
            Group("health", _("Scores, scorecards and forecasts")),
            Group("work", _("Signals, plays, tasks and outcomes")),
        )
        imports.register(
            imports.Kind(
                onboarding.MILESTONES, onboarding.LABEL, onboarding.ABOUT, onboarding.COLUMNS,
                required=(("account",), ("milestone",), ("reached_on",)), examples=(onboarding.EXAMPLE,),
                dates=("reached_on",), tables=("retention_milestonereach",), names_account=True,
                identity=("account", "milestone"), read=read_reached, write=import_reached,
            )
        )  # fmt: skip
        from retention.pages.export import EXPORTS  # in whose columns the files are

        before_change.append(before_segment)
        handing_over.append(hand_over)
        following.append(Follows("retention.FollowUp", once=("play_step", "occurrence_on"), settle=put_doubles_aside))
        for export in (*PULSES, *OVERRIDES, *SPARED, *EXPORTS):
            exports.register(export)
        # After crm's own, which has returned the mails by then.
        leaving.append(take_back_from)
        register_kept()


def register_kept() -> None:
    """What retention keeps of customers' people, and what is left of it when one of them is erased."""
    from crm.lib.personal import ERASED, Apart, Mentions, Own, register
    from retention.follow_ups.actions import withdraw_from

    draft = {"subject": ERASED, "body": ERASED, "why": "", "facts": {}, "state_why": ""}
    register(
        Apart("drafts withdrawn", erase=withdraw_from),
        Own("retention.FollowUp", "contact", draft),
        Mentions("retention.FollowUp", ("subject", "body", "why", "state_why")),
        Mentions("retention.Task", ("title", "detail", "dismissed_why")),
        Mentions("retention.PutOff", ("why",)),
        Mentions("retention.PlayStep", ("why",)),
        Mentions("retention.Forecast", ("reason",)),
        Mentions("retention.NotNeeded", ("reason",)),
        Mentions("retention.Pulse", ("reason",)),
        Mentions("retention.Override", ("reason",)),
        Mentions("retention.RiskSignal", ("closed_why", "evidence")),
    )

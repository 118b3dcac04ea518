"""Every column that could hold a person's words is emptied by an eraser, or is harmless for a stated reason."""

from django.apps import apps
from django.db import connection

from crm.lib import personal
from crm.lib.personal import Apart, Own

# Types that hold words. Numbers, times, flags, ids and digests name nobody.
WORDS = (
    "text",
    "character varying",
    "character",
    "json",
    "jsonb",
    "bytea",
    "ARRAY",
    "tsvector",
    "xml",
    "citext",
    "inet",
)
OURS = "is about our own people, who are deactivated and not erased"
CONFIGURED = "is set by our admins and speaks of no customer's people"
CODE = "is one of our own words or codes"
DIGEST = "is a hash, a random value or a signature"
COMPANY = "names a company or what it pays for"
FIGURES = "holds figures"
LIBRARY = "is a library's own, and gets nothing of customers' people from us"
PROGRAM = "is a name that the customer's program gives to things, not to people"
HEADER = "names the columns of a file, not whom its rows speak of"
HARMLESS = {
    "django_admin_log.*": "no row is ever written: the admin leaves rows of the record instead",
    "django_session.*": "holds who of us is signed in; messages go by cookie",
    "crm_cache.*": "counts tries by hashes and addresses of our own people's networks",
    "django_migrations.*": LIBRARY, "django_content_type.*": LIBRARY,
    "auth_permission.*": LIBRARY, "auth_group.*": LIBRARY,
    "django_q_task.*": LIBRARY, "django_q_schedule.*": LIBRARY,
    "django_q_ormq.*": "a queued task has no payload (ADR 4)",
    "account_emailaddress.*": OURS, "account_emailconfirmation.*": OURS, "mfa_authenticator.*": OURS,
    "usersessions_usersession.*": OURS, "crm_user.*": OURS, "crm_onetimelink.*": OURS, "crm_guesses.*": OURS,
    "crm_apikey.*": OURS, "crm_kept_answer.*": DIGEST, "crm_webhook_endpoint.*": CONFIGURED,
    "crm_webhook_event.*": "holds ids and figures", "crm_webhook_delivery.*": CODE,
    "crm_team.*": OURS, "crm_installation.*": CONFIGURED,
    "crm_auditrow.*": "never changes: personal values stand in it as hashes under a key that the erasure destroys",
    "crm_auditseal.digest": DIGEST, "crm_fill.*": "what stages said of themselves: counts and kinds of errors",
    "crm_beat.name": CODE, "crm_salt.value": DIGEST, "crm_suppression.*": DIGEST, "crm_unsubscribelink.*": DIGEST,
    "crm_erasedmark.mark": DIGEST, "crm_erasure.contacts": "holds ids", "crm_erasure.marks": DIGEST,
    "crm_contactmerge.moved": "holds ids", "crm_erasure.left": "is emptied when the sweep is done",
    "crm_calendar.*": CONFIGURED, "crm_calendarday.*": CONFIGURED, "crm_calendarfile.*": CONFIGURED,
    "crm_capturedmail.digest": DIGEST,
    "crm_account.external_id": COMPANY, "crm_account.name": COMPANY, "crm_account.domains": COMPANY,
    "crm_account.segment": CONFIGURED, "crm_account.tags": CONFIGURED, "crm_account.time_zone": CODE,
    "crm_account.language": CODE, "crm_account.currency": CODE, "crm_tagrename.*": CONFIGURED,
    "crm_traitdefinition.*": CONFIGURED, "crm_feature.*": CONFIGURED, "crm_plan.*": CONFIGURED,
    "crm_subscription.external_id": COMPANY, "crm_subscriptionchange.currency": CODE, "crm_exchangerate.currency": CODE,
    "crm_goal.external_id": COMPANY, "crm_promise.external_id": COMPANY, "crm_payment.external_id": COMPANY,
    "crm_payment.invoice": COMPANY,
    "crm_payment.currency": CODE,
    "crm_source.name": CONFIGURED, "crm_writekey.*": DIGEST, "crm_inbox_batch.call": CODE, "crm_eventname.*": PROGRAM,
    "crm_waitingevent.group_external_id": COMPANY, "crm_reservation.purpose": CODE, "crm_hold.*": CODE,
    "crm_account_figures.plan_ids": "holds ids", "crm_importrun.sha256": DIGEST,
    "crm_outboundmail.key": "is made of ids", "crm_outboundmail.purpose": CODE, "crm_outboundmail.from_name": OURS,
    "crm_outboundmail.from_address": OURS, "crm_outboundmail.reply_to": OURS, "crm_outboundmail.body_hash": DIGEST,
    "crm_outboundmail.language": CODE, "crm_outboundmail.message_id": DIGEST, "crm_outboundmail.reason": CODE,
    "crm_importrun.kind": CODE,
    "crm_importeffect.table_name": CODE, "crm_importfinding.code": CODE, "crm_importfinding.account": COMPANY,
    "crm_upload.kind": CODE, "crm_upload.sha256": DIGEST, "crm_upload.state": CODE, "crm_upload.encoding": CODE,
    "crm_upload.delimiter": CODE, "crm_upload.header": HEADER, "crm_upload.columns": CODE,
    "crm_upload.date_order": CODE, "crm_upload.trait_types": CODE, "crm_uploadrow.outcome": CODE,
    "crm_rememberedcolumns.*": HEADER,
    "feedback_survey.name": CONFIGURED, "feedback_surveytext.*": CONFIGURED, "feedback_wave.sample_seed": DIGEST,
    "feedback_invitation.link": DIGEST, "feedback_invitation.language": CODE, "feedback_notasked.reason": CODE,
    "feedback_answer.set_aside": CODE,
    "retention_onboardingplan.*": CONFIGURED, "retention_milestone.*": CONFIGURED,
    "retention_scorecard.*": CONFIGURED, "retention_scorecardgroup.*": CONFIGURED,
    "retention_scorecardmeasure.*": CONFIGURED,
    "retention_health_score.*": FIGURES, "retention_score_reading.*": FIGURES, "retention_standing.facts": FIGURES,
    "retention_standing.choice": FIGURES,
    "retention_backtest.*": "holds figures, ids and codes", "retention_backtestday.*": FIGURES,
    "retention_forecast.currency": CODE, "retention_risksignal.subject": CODE,
    "retention_messagetemplate.*": CONFIGURED,
    "retention_playbook.*": CONFIGURED, "retention_step.*": CONFIGURED, "retention_play.end_reason": CODE,
    "retention_play.baseline": FIGURES, "retention_followup.language": CODE, "retention_outcome.evidence": FIGURES,
}  # fmt: skip


def columns() -> set[str]:
    """All columns with words, of partitioned tables once."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name || '.' || column_name FROM information_schema.columns AS c "
            "WHERE table_schema = 'public' AND data_type = ANY(%s) AND NOT EXISTS ("
            " SELECT FROM pg_inherits WHERE inhrelid = to_regclass(quote_ident(c.table_name)))",
            [list(WORDS)],
        )
        return {name for (name,) in cursor.fetchall()}


def answered() -> set[str]:
    names: set[str] = set()
    for kept in personal.registered:
        if isinstance(kept, Apart):
            names |= set(kept.columns)
            continue
        model = apps.get_model(kept.model)
        changed = kept.erased if isinstance(kept, Own) else kept.columns
        names |= {f"{model._meta.db_table}.{model._meta.get_field(name).column}" for name in changed}
    return names


def chosen() -> set[str]:
    """Columns that a list of choices limits to our own words, enforced by the database or not."""
    found = {(model, field) for model in apps.get_models() for field in model._meta.concrete_fields if field.choices}
    return {f"{model._meta.db_table}.{field.column}" for model, field in found}


def test_somebody_erases_every_column_that_could_hold_a_persons_words(db):
    harmless = {name for name in columns() if name in HARMLESS or f"{name.partition('.')[0]}.*" in HARMLESS}
    assert columns() - answered() - chosen() - harmless == set()


def test_what_is_answered_for_or_harmless_exists(db):
    assert answered() - columns() == set()
    tables = {name.partition(".")[0] for name in columns()}
    gone = {name for name in HARMLESS if name not in columns() and name.removesuffix(".*") not in tables}
    assert gone == set()

"""Who may do what at which address, as rules.md §7 says it: the table that the resolver and every answer are held to.

Roles: S system admin, O CS ops admin, M manager, R rep, V read-only; C is a rep who covers R, and has what R has
except where a cell names C. Whoever is not signed in, and a write key (K), is sent to the login; which links and keys
open something stands in PUBLIC. HEAD is answered like GET without the page; PUT, PATCH, DELETE and TRACE are refused
with 405 to everybody everywhere.

A cell is "roles [sees|writes] status", several of them parted by " · ". A role that stands in none gets 403.
sees    the address names a row of an account: 404 unless SEES says that the role sees this account.
writes  the same, and then 403 unless WRITES says that the role may change it.
405     the method is refused to everybody who is signed in.
as GET  a POST is answered like a GET and does nothing.
"""

from typing import NamedTuple

from tests.architecture.matrix_hours import HOURS

IDENTITIES = {
    "S": "System admin", "O": "CS ops admin", "M": "Manager", "R": "Rep", "V": "Read-only",
    "K": "an API client: a write key, which only ingests",
    "-": "whoever is not signed in, with the link of an invitation or without",
}  # fmt: skip
ROLES = "SOMRV"
WHO = ROLES + "C"
# Whose accounts a role sees: the rep's own, those of the same team (for the manager, both are the team's), those
# of a colleague that are restricted to their owner and the admins, and those of another team.
EVERY = "own team restricted foreign"
SEES = {
    "own": {"S": EVERY, "O": EVERY, "M": "own team", "R": "own", "V": "", "C": "own"},
    "team": {"S": EVERY, "O": EVERY, "M": "own team", "R": "own team", "V": "own team", "C": "own"},
    "all": {"S": EVERY, "O": EVERY} | dict.fromkeys("MRVC", "own team foreign"),
}
WRITES = {"S": "", "O": EVERY, "M": "own team", "R": "own", "V": "", "C": "own"}


class Line(NamedTuple):
    name: str
    of: str  # the kind of row that the address names (tests/company.py); "" for none
    get: str
    post: str


URLS = [
    Line(*line)
    for line in [
        # name                 names               GET                       POST
        ("home",               "",                 "SOMRV 302",              "as GET"),
        ("begin",              "",                 "SOMRV 200",              "O 302 · SMRV 200"),
        ("today",              "",                 "SOMRV 200",              "as GET"),
        ("portfolio",          "",                 "SOMRV 200",              "as GET"),
        ("renewals",           "",                 "SOMRV 200",              "as GET"),
        ("forecast",           "renewal",          "OMR writes 200",         "OMR writes 302"),
        ("forecast-undo",      "forecast",         "405",                    "OMR writes 302"),
        ("portfolio-bands",    "",                 "SOMRV 200",              "as GET"),
        ("portfolio-condition", "",                "SOMRV 200",              "as GET"),
        ("portfolio-bulk",     "",                 "405",                    "OMR 302"),
        ("portfolio-bulk-undo", "edit",            "405",                    "R 302 · OM 404"),
        ("export",             "list",             "405",                    "OM 200"),  # a file
        ("exports",            "",                 "OM 200",                 "405"),
        ("account-segments",   "account",          "SOMRV sees 200",         "as GET"),
        ("account-step",       "account",          "OMR writes 200",         "OMR writes 302"),
        # The rep's own; what is shared, and with whom, is in tests/crm/segments.
        ("segments",           "",                 "SOMRV 200",              "as GET"),
        ("segment-new",        "",                 "SOMR 200",               "SOMR 302"),
        ("segment-edit",       "segment",          "R 200 · SOM 404",        "R 302 · SOM 404"),
        ("segment-delete",     "segment",          "405",                    "R 302 · SOM 404"),
        ("segment-restore",    "segment",          "405",                    "R 302 · SOM 404"),
        ("view-new",           "",                 "405",                    "SOMR 302"),
        ("view-edit",       "view",          "R 200 · SOM 404",        "R 302 · SOM 404"),
        ("view-delete",     "view",          "405",                    "R 302 · SOM 404"),
        ("view-restore",    "view",          "405",                    "R 302 · SOM 404"),
        ("search",             "",                 "SOMRV 200",              "as GET"),
        ("palette",            "",                 "SOMRV 200",              "as GET"),
        ("account",            "account",          "SOMRV sees 200",         "as GET"),
        # Whoever took the account over says that it was read; nobody else can.
        ("account-handover",   "handover",         "SOMRV sees 200",         "R writes 302 · SOMVC sees 403"),
        ("account-history",    "account",          "SOMRV sees 200",         "as GET"),
        ("account-reading",    "reading",          "SOMRV sees 200",         "405"),
        ("account-new",        "",                 "OMR 200",                "OMR 302"),
        ("account-edit",       "account",          "OMR writes 200",         "OMR writes 302"),
        # A rep claims from the team's pool, which is in tests/crm/accounts; what is owned already is not the rep's
        # to give, and the form says so.
        ("account-owner",      "account",          "OMR writes 200",         "OM writes 302 · R writes 200"),
        ("account-restriction", "account",         "405",                    "OM writes 302"),
        ("account-owners",     "account",          "SOMRV sees 200",         "as GET"),
        ("account-name",       "account",          "OMR writes 200",         "OMR writes 302"),
        ("account-segment",    "account",          "OMR writes 200",         "OMR writes 302"),
        ("account-tags",       "account",          "OMR writes 200",         "OMR writes 302"),
        ("account-next-step",  "account",          "OMR writes 200",         "OMR writes 302"),
        ("account-stage",      "account",          "OMR writes 200",         "OMR writes 302"),
        ("account-trait",      "account",          "OMR writes 200",         "OMR writes 302"),
        ("account-merge",      "account",          "OMR writes 200",         "OMR writes 302"),
        ("account-undo-merge", "account",          "405",                    "OMR writes 302"),
        ("account-record",     "account",          "SOMR sees 200 · V sees 403", "as GET"),
        ("audit",              "",                 "SO 200",                 "as GET"),
        ("contacts",           "account",          "SOMRV sees 200",         "as GET"),
        ("contact-new",        "account",          "OMR writes 200",         "OMR writes 302"),
        ("contact-edit",       "contact",          "OMR writes 200",         "OMR writes 302"),
        ("contact-left",       "contact",          "OMR writes 200",         "OMR writes 302"),
        ("contact-merge",      "contact",          "OMR writes 200",         "OMR writes 302"),
        ("contact-undo-merge", "contact",          "405",                    "OMR writes 302"),
        ("contact",            "contact",          "SOMRV sees 200",         "as GET"),
        ("contact-erase",      "contact",          "S 200",                  "S 302"),
        ("contact-hand-out",   "contact",          "405",                    "S 200"),  # a file
        ("erasures",           "",                 "S 200",                  "as GET"),
        ("consent-grant",      "contact",          "OMR writes 200",         "OMR writes 302"),
        ("consent-withdraw",   "contact",          "OMR writes 200",         "OMR writes 302"),
        ("subscriptions",      "account",          "SOMRV sees 200",         "as GET"),
        ("subscription-new",   "account",          "OMR writes 200",         "OMR writes 302"),
        ("payment-new",        "account",          "OMR writes 200",         "OMR writes 302"),
        ("subscription-change", "line",            "OMR writes 200",         "OMR writes 302"),
        ("subscription-end",   "line",             "405",                    "OMR writes 302"),
        ("account-goals",      "account",          "SOMRV sees 200",         "as GET"),
        ("goal-new",           "account",          "OMR writes 200",         "OMR writes 302"),
        ("goal-change",        "goal",             "OMR writes 200",         "OMR writes 302"),
        ("goal-drop",          "goal",             "OMR writes 200",         "OMR writes 302"),
        ("goal-resume",        "dropped goal",     "405",                    "OMR writes 302"),
        ("onboardings",        "",                 "SOMRV 200",              "as GET"),
        ("onboarding-steps",   "",                 "SOMRV 200",              "as GET"),
        ("account-onboarding", "account",          "SOMRV sees 200",         "as GET"),
        ("onboarding-begin",   "account",          "OMR writes 200",         "OMR writes 302"),
        ("milestone-reach",    "milestone",        "405",                    "OMR writes 302"),
        ("milestone-take-back", "reached milestone", "405",                  "OMR writes 302"),
        ("onboarding-plans",   "",                 "SOMRV 200",              "as GET"),
        ("onboarding-plan-new", "",                "O 200",                  "O 302"),
        ("onboarding-plan-edit", "onboarding plan", "O 200",                 "O 302"),
        ("onboarding-plan-switch", "onboarding plan", "405",                 "O 302"),
        ("pulse-new",          "account",          "OMR writes 200",         "OMR writes 302"),
        ("pulse-undo",         "pulse",            "405",                    "OMR writes 302"),
        ("account-spared",     "account",          "SOMRV sees 200",         "OMR writes 302"),
        ("feature-needed",     "spared",           "405",                    "OMR writes 302"),
        ("override-new",       "account",          "OMR writes 200",         "OMR writes 302"),
        ("override-end",       "account",          "405",                    "OMR writes 302"),
        ("override-undo",      "override",         "405",                    "OMR writes 302"),
        ("promises",           "",                 "SOMRV 200",              "as GET"),
        ("account-promises",   "account",          "SOMRV sees 200",         "as GET"),
        ("promise-new",        "account",          "OMR writes 200",         "OMR writes 302"),
        ("promise-keep",       "promise",          "405",                    "OMR writes 302"),
        ("promise-break",      "promise",          "OMR writes 200",         "OMR writes 302"),
        ("promise-withdraw",   "promise",          "OMR writes 200",         "OMR writes 302"),
        ("promise-move",       "promise",          "OMR writes 200",         "OMR writes 302"),
        ("promise-reopen",     "kept promise",     "405",                    "OMR writes 302"),
        ("task-new",           "account",          "OMR writes 200",         "OMR writes 302"),
        ("account-put-off",    "account",          "405",                    "OMR writes 302"),
        ("put-off-undo",       "put off",          "405",                    "OMR writes 302"),
        ("task-done",          "task",             "405",                    "OMR writes 302"),
        ("task-dismiss",       "task",             "OMR writes 200",         "OMR writes 302"),
        ("task-edit",          "task",             "OMR writes 200",         "OMR writes 302"),
        ("task-reopen",        "task",             "405",                    "OMR writes 302"),
        # A draft is contact data, which the read-only role does not read. The owner approves, or the team's manager.
        ("draft",              "draft",            "SOMR sees 200 · V sees 403", "as GET"),
        ("draft-approve",      "draft",            "405",                    "MR writes 302 · SOVC sees 403"),
        ("draft-edit",         "draft",            "OMR writes 200 · SV sees 403", "OMR writes 302 · SV sees 403"),
        ("draft-not-now",      "draft",            "405",                    "OMR writes 302 · SV sees 403"),
        ("conversations",      "",                 "SOMRV 200",              "as GET"),
        ("account-conversations", "account",       "SOMRV sees 200",         "as GET"),
        ("conversation-new",   "account",          "OMR writes 200",         "OMR writes 302"),
        ("conversation",       "conversation",     "SOMRV sees 200",         "as GET"),
        ("conversation-say",   "conversation",     "405",                    "OMR writes 302"),
        ("conversation-turn",  "conversation",     "405",                    "OMR writes 302"),
        ("conversation-responder", "conversation", "OMR writes 200",         "OMR writes 302"),
        *HOURS,
        ("playbooks",          "",                 "SOMRV 200",              "as GET"),
        ("playbook",           "playbook",         "SOMRV 200",              "as GET"),
        ("plans",              "",                 "SOMRV 200",              "as GET"),
        ("plans-paid",         "",                 "SOMRV 200",              "as GET"),
        ("plan-new",           "",                 "O 200",                  "O 302"),
        ("plan-edit",          "plan",             "O 200",                  "O 302"),
        ("features",           "",                 "SOMRV 200",              "as GET"),
        ("feature-new",        "",                 "O 200",                  "O 302"),
        ("feature-edit",       "feature",          "O 200",                  "O 302"),
        ("tags",               "",                 "O 200",                  "as GET"),
        ("tag-rename",         "",                 "O 200",                  "O 302"),
        ("tag-rename-undo",    "tag rename",       "405",                    "O 302"),
        ("traits",             "",                 "SOMRV 200",              "as GET"),
        ("trait-new",          "",                 "O 200",                  "O 302"),
        ("trait-edit",         "trait",            "O 200",                  "O 302"),
        ("settings",           "",                 "SOMRV 200",              "as GET"),
        ("you",                "",                 "SOMRV 200",              "SOMRV 302"),
        ("set-preferences",    "",                 "405",                    "SOMRV 302"),
        ("keys",               "",                 "SOMRV 200",              "as GET"),
        ("cover",              "",                 "OMR 200",                "OMR 302 · C 200"),  # C is away for nobody
        ("cover-end",          "cover",            "405",                    "OMRC 302"),
        ("gallery",            "",                 "O 200",                  "as GET"),
        ("scorecards",         "",                 "SOMRV 200",              "405"),
        ("scorecard-new",      "",                 "O 200",                  "O 302"),
        ("scorecard-edit",     "scorecard",        "O 200",                  "O 302"),
        ("scorecard-move",     "scorecard",        "405",                    "O 302"),
        ("scorecard-retire",   "scorecard",        "405",                    "O 302"),
        ("scorecard-return",   "scorecard",        "405",                    "O 302"),
        ("scorecard-draft",    "scorecard",        "O 200",                  "O 302"),
        ("scorecard-draft-start", "default scorecard", "405",                "O 302"),
        ("scorecard-preview",  "scorecard",        "405",                    "O 200"),  # shows, and keeps nothing
        ("scorecard-measure",  "scorecard",        "O 200",                  "O 302"),
        ("scorecard-review",   "scorecard",        "O 200",                  "405"),
        ("scorecard-publish",  "scorecard",        "405",                    "O 302"),
        ("scorecard-discard",  "scorecard",        "405",                    "O 302"),
        ("scorecard-draft-restore", "discarded scorecard", "405",            "O 302"),
        ("backtest",           "scorecard version", "SOMRV 200",             "405"),  # the verdict; O all of it
        ("backtest-ask",       "scorecard version", "405",                   "O 302"),
        ("backtest-draft",     "tested version",   "405",                    "O 302"),
        ("pipeline",           "",                 "SO 200",                 "as GET"),
        ("sources",            "",                 "SO 200",                 "405"),
        ("source",             "source",           "SO 200",                 "405"),
        ("source-new",         "",                 "S 200",                  "S 302"),
        ("source-key-new",     "source",           "405",                    "S 200"),  # the answer shows the key, once
        ("source-key-revoke",  "key",              "405",                    "S 302"),
        ("source-retry",       "source",           "405",                    "S 302"),
        ("events",             "",                 "SO 200",                 "O 302"),
        # One's own keys; a system admin's are all. The rep's key is the rep's to revoke.
        ("api-keys",           "",                 "SOMRV 200",              "405"),
        ("api-key-new",        "",                 "S 200",                  "S 200"),  # the answer shows the key, once
        ("api-key-revoke",     "api key",          "405",                    "SR 302 · OMVC 404"),
        ("webhooks",           "",                 "S 200",                  "405"),
        ("webhook-new",        "",                 "S 200",                  "S 200"),  # shows the secret
        ("webhook",            "webhook",          "S 200",                  "405"),
        ("webhook-edit",       "webhook",          "S 200",                  "S 302"),
        ("webhook-rotate",     "webhook",          "405",                    "S 200"),
        ("webhook-test",       "webhook",          "405",                    "S 302"),
        ("webhook-resume",     "webhook",          "405",                    "S 302"),
        ("webhook-redeliver",  "delivery",         "405",                    "S 302"),
        ("api-reference",      "",                 "SOMRV 200",              "405"),
        ("imports",            "",                 "O 200",                  "O 302"),
        ("import-template",    "template",         "O 200",                  "405"),
        ("upload",             "upload",           "O 200",                  "405"),
        ("upload-progress",    "upload",           "O 200",                  "405"),
        ("upload-columns",     "upload",           "405",                    "O 302"),
        ("upload-try",         "tried upload",     "405",                    "O 302"),
        ("upload-apply",       "tried upload",     "405",                    "O 302"),
        ("upload-back",        "tried upload",     "405",                    "O 302"),
        ("upload-refused",     "tried upload",     "405",                    "O 200"),  # a file
        ("upload-undo",        "applied upload",   "405",                    "O 302"),
        ("upload-discard",     "tried upload",     "405",                    "O 302"),
        ("import",             "import",           "O 200",                  "405"),
        ("import-undo",        "import",           "405",                    "O 302"),
        ("mail-files",         "",                 "SOMRV 200",              "405"),
        ("mail",               "waiting mail",     "SOMRV sees 200",         "405"),
        ("mail-body",          "waiting mail",     "SOMR sees 200",          "405"),
        ("mail-cancel",        "waiting mail",     "405",                    "MR writes 302"),
        ("mail-suppress",      "waiting mail",     "405",                    "MR writes 302"),
        ("mail-mark-sent",     "unconfirmed mail", "405",                    "MR writes 302"),
        ("mail-send-again",    "unconfirmed mail", "405",                    "MR writes 302 · C sees 403"),
        ("mail-resume",        "",                 "405",                    "S 302"),
        ("surveys",            "",                 "SOMRV 200",              "405"),
        ("survey",             "survey",           "SOMRV 200",              "405"),
        ("survey-not-asked",   "survey",           "SOMRV 200",              "405"),
        ("survey-new",         "",                 "O 200",                  "O 302"),
        ("survey-edit",        "survey",           "O 200",                  "O 302"),
        ("survey-wave",        "survey",           "O 200",                  "O 302"),
        ("survey-audience",    "survey",           "O 200",                  "405"),
        ("survey-mail",        "survey mail",      "O 200",                  "405"),
        ("account_logout",     "",                 "405",                    "SOMRV 302"),
        # One's own door. Changes of a second factor ask for the password first, and by then these send there; what
        # they do is in tests/crm/login.
        ("mfa_index",          "",                 "SOMRV 200",              "405"),
        ("sessions-end",       "",                 "405",                    "SOMRV 302"),
        ("account_change_password", "",            "SOMRV 200",              "SOMRV 302"),
        ("account_reauthenticate", "",             "SOMRV 200",              "SOMRV 302"),
        ("mfa_reauthenticate", "",                 "SO 200 · MRV 302",       "SO 302 · MRV 302"),
        ("mfa_reauthenticate_webauthn", "",        "SOMRV 302",              "SOMRV 302"),
        ("mfa_activate_totp",  "",                 "SOMRV 302",              "SOMRV 302"),
        ("mfa_deactivate_totp", "",                "SO 302 · MRV 404",       "SO 302 · MRV 404"),
        ("mfa_add_webauthn",   "",                 "SOMRV 302",              "SOMRV 302"),
        ("mfa_remove_webauthn", "passkey",         "404",                    "404"),  # a colleague's
        ("mfa_view_recovery_codes", "",            "SOMRV 302",              "as GET"),
        ("mfa_generate_recovery_codes", "",        "405",                    "SOMRV 302"),
        # Our own people.
        ("people",             "",                 "S 200",                  "as GET"),
        ("person",             "user",             "S 200",                  "S 302"),
        ("person-invite",      "",                 "S 200",                  "S 200"),  # shows the link, once
        ("person-active",      "user",             "405",                    "S 302"),
        ("person-password-link", "user",           "405",                    "S 200"),
        ("person-second-factor", "user",           "405",                    "S 302"),
        ("invitation-resend",  "invitation",       "405",                    "S 200"),
        ("invitation-cancel",  "invitation",       "405",                    "S 302"),
        ("teams",              "",                 "S 200",                  "S 302"),
        ("team",               "team",             "S 200",                  "S 302"),
        ("installation",       "",                 "S 200",                  "S 302"),
    ]
]  # fmt: skip


class Open(NamedTuple):
    """An address for whoever holds the right link or key, or for anybody; `holding` names what stands in it."""

    name: str
    holding: str
    get: int
    post: int
    records: bool  # whether the POST leaves an audit row; where it does not, it writes no business row either


PUBLIC = [
    Open(*line)
    for line in [
        # name                        holding                 GET  POST  records
        ("account_login",             "",                     200, 302,  True),
        ("account_reset_password",    "",                     200, 200,  True),
        ("mfa_authenticate",          "",                     302, 302,  False),  # without a login half done
        ("mfa_login_webauthn",        "",                     302, 302,  False),
        ("invitation",                "an invited person's link", 200, 302, True),
        ("invitation",                "a first admin's link", 404, 404,  False),
        ("invitation",                "an unknown link",      404, 404,  False),
        ("new-password",              "a password link",      200, 302,  True),
        ("new-password",              "an invited person's link", 404, 404, False),
        ("new-password",              "an unknown link",      404, 404,  False),
        ("first-admin",               "a first admin's link", 404, 404,  False),  # there is an admin
        ("first-admin",               "an unknown link",      404, 404,  False),
        ("set_language",              "",                     302, 302,  False),
        ("answer",                    "an invitation's link", 200, 303,  True),
        ("answer",                    "an unsubscribe link",  404, 404,  False),
        ("answer",                    "an unknown link",      404, 404,  False),
        ("unsubscribe",               "an unsubscribe link",  200, 200,  True),
        ("unsubscribe",               "an invitation's link", 200, 200,  False),  # alike, so that nobody learns
        ("unsubscribe",               "an unknown link",      200, 200,  False),
        ("healthz",                   "",                     200, 405,  False),
        ("readyz",                    "",                     200, 405,  False),
        ("metrics",                   "",                     200, 405,  False),  # from this machine
        ("api-openapi",               "",                     200, 405,  False),  # holds nothing of the installation
        ("api-unknown",               "",                     404, 404,  False),
        ("tracking",                  "a write key",          405, 200,  False),
        ("tracking",                  "an unknown key",       405, 401,  False),
        ("tracking",                  "a revoked key",        405, 401,  False),
        ("tracking",                  "",                     405, 401,  False),
        ("tracking-beacon",           "a write key",          405, 200,  False),
        ("tracking-beacon",           "",                     405, 401,  False),
        ("tracking-segment-settings", "a write key",          200, 405,  False),
        ("tracking-segment-settings", "an unknown key",       200, 405,  False),  # holds nothing secret
        ("tracking-rudder-settings",  "",                     200, 405,  False),
        ("healthz",                   "",                     200, 405,  False),
    ]
]  # fmt: skip


class Rows(NamedTuple):
    """One model of Django's admin: who reads its rows, who adds some, who changes them; nobody deletes."""

    model: str
    reads: str
    adds: str
    changes: str


ADMIN = [
    Rows(*line)
    for line in [
        # model                       reads  adds  changes
        ("crm_account",               "SO",  "O",  "O"),
        ("crm_contact",               "SO",  "O",  "O"),
        ("crm_feature",               "SO",  "O",  "O"),
        ("crm_plan",                  "SO",  "O",  "O"),
        ("crm_traitdefinition",       "SO",  "O",  "O"),
        ("crm_exchangerate",          "SO",  "O",  ""),   # past MRR stands on them
        ("crm_user",                  "SO",  "S",  "S"),
        ("crm_team",                  "SO",  "S",  "S"),
        ("crm_installation",          "SO",  "",   "S"),  # there is one row already
        ("crm_auditrow",              "SO",  "",   ""),
        ("crm_ownerchange",           "SO",  "",   ""),
        ("crm_trait",                 "SO",  "",   ""),
        ("crm_subscription",          "SO",  "",   ""),
        ("crm_subscriptionchange",    "SO",  "",   ""),
        ("crm_outboundmail",          "SO",  "",   ""),
        ("crm_fill",                  "SO",  "",   ""),
        ("crm_beat",                  "SO",  "",   ""),
        ("crm_importrun",             "SO",  "",   ""),
        ("crm_importrefusal",         "SO",  "",   ""),
        ("crm_reject",                "SO",  "",   ""),
        ("retention_forecast",        "SO",  "",   ""),
        ("retention_scorecard",       "SO",  "O",  "O"),
        ("retention_scorecardversion", "SO", "O",  ""),   # a published version is read; drafts are edited
    ]
]  # fmt: skip
# Pages of the admin itself. Its own login and change of password are shut: they would pass limits and records by.
ADMIN_PAGES = [
    # address                    GET by S and O, then by the others (403 unless said otherwise)
    ("admin/",                   200, 403),
    ("admin/login/",             403, 403),
    ("admin/logout/",            405, 403),
    ("admin/password_change/",   404, 403),
    ("admin/password_change/done/", 200, 403),  # only words
    ("admin/autocomplete/",      403, 403),  # without naming a field that it completes
    ("admin/jsi18n/",            200, 403),
    ("admin/r/1/1/",             404, 403),
    ("admin/crm/",               200, 403),
    ("admin/retention/",         200, 403),
    ("admin/nothing/",           404, 403),
]  # fmt: skip

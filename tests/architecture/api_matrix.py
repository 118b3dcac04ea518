"""Who may call what of the API: keys with every scope, one for each role; read like the cells in matrix.py.

A row that a key's owner does not see is 404; what is seen and may not be done is 403. Whoever lacks the scope gets
403 everywhere, and without a key, or with one that is over, 401.
"""

from typing import Any, NamedTuple

from tests.company import TODAY


class Call(NamedTuple):
    """`of`: the kind of row that the address names (tests/company.py). `body`: what is sent, rows as "kind:"."""

    name: str
    method: str
    of: str
    cell: str
    body: dict[str, Any] | None = None


LISTS = (
    "accounts", "owner-changes", "traits", "tag-renames", "contacts", "plans", "features", "subscriptions",
    "subscription-changes", "promises", "promise-changes", "conversations", "payments",
    "onboarding-plans", "onboarding-versions", "milestones", "onboardings", "milestone-reaches",
    "goals", "goal-changes", "calendars", "calendar-days", "response-targets", "captured-mails",
    "segments", "events", "users", "teams", "scores", "scorecards", "scorecard-versions",
    "scorecard-measures", "pulses", "overrides", "features-not-needed", "forecasts", "signals", "playbooks",
    "playbook-steps", "plays",
    "play-steps", "tasks",
    "outcomes", "surveys", "waves", "invitations", "answers",
)  # fmt: skip
DETAILS = (
    "onboarding-versions", "milestones", "onboardings",
    "scorecards", "scorecard-versions", "scorecard-measures", "playbook-steps", "plays", "play-steps", "outcomes",
    "waves", "invitations", "answers",
)  # fmt: skip
DAY = TODAY.isoformat()
TERMS = {"effective_on": DAY, "price": "99.50", "currency": "EUR"}
GOAL = {
    "account": "account:own", "words": "Every trip", "feature": "feature:", "target": "200", "due_on": "2099-01-01",
}  # fmt: skip
PAYMENT = {"subscription": "line:own", "kind": "failed", "on": DAY, "currency": "EUR"}
PROMISE = {"account": "account:own", "text": "A report by office", "due_on": "2099-01-01"}
TALK = {"account": "account:own", "channel": "ticket", "text": "It broke."}
PULSE = {"account": "account:own", "value": 4, "reason": "They plan daily."}
SPARED = {"account": "account:own", "feature": "feature:", "reason": "They have their own."}
OVERRIDE = {"account": "account:own", "band": "steady", "reason": "They told us.", "until": DAY}
RENEWING = {"name": "Renewing", "filter": "renewal.next.90"}
FORECAST = {"account": "account:own", "renews_on": "renewal day:", "category": "renews"}
EVERYBODY, SEEN = "SOMRV 200", "SOMRV sees 200"

API = [
    *(Call(f"api-{name}-list", "GET", "", EVERYBODY) for name in LISTS),
    Call("api-consents-list", "GET", "", "SOMR 200"),
    Call("api-record-list", "GET", "", "SO 200"),
    Call("api-imports-list", "GET", "", "O 200"),
    # --- the book
    Call("api-accounts-list", "POST", "", "OMR 201", {"external_id": "new-1", "name": "New"}),
    Call("api-accounts-detail", "GET", "account", SEEN),
    Call("api-accounts-detail", "PATCH", "account", "OMR writes 200", {"name": "Renamed"}),
    Call("api-accounts-by-external-id", "GET", "external id", SEEN),
    Call("api-accounts-by-external-id", "PUT", "", "OMR 201", {"name": "New"}),
    # A rep claims from the team's pool; what is owned already is not the rep's to give.
    Call("api-accounts-owner", "PUT", "account", "OM writes 200 · R sees 403", {"owner": "colleague:"}),
    Call("api-accounts-stage", "PUT", "account", "OMR writes 200", {"stage": "trial"}),
    Call("api-accounts-next-step", "PUT", "account", "OMR writes 200", {"next_step": "Call", "next_step_on": DAY}),
    Call("api-accounts-restriction", "PUT", "account", "OM writes 200 · R sees 403", {"restricted": True}),
    Call("api-traits-list", "POST", "", "O 201", {"key": "rooms", "label": "Rooms", "type": "number"}),
    Call("api-traits-detail", "GET", "trait", EVERYBODY),
    Call("api-traits-detail", "PUT", "trait", "O 200", {"label": "Area", "type": "text"}),
    Call("api-trait-values-list", "GET", "", "SOMRV 400"),  # asks for an account
    Call("api-trait-values-list", "POST", "", "OMR 201", {"account": "account:own", "key": "region", "value": "Bern"}),
    Call("api-tag-renames-list", "POST", "", "O 201", {"old": "vip", "new": "top"}),
    Call("api-tag-renames-detail", "GET", "tag rename", "O 200 · SMRV 404"),
    Call("api-tag-renames-undo", "POST", "tag rename", "O 200 · SMRV 404", {}),
    Call("api-contacts-list", "POST", "", "OMR 201", {"account": "account:own", "name": "Lena"}),
    Call("api-contacts-detail", "GET", "contact", SEEN),
    Call("api-contacts-detail", "PATCH", "contact", "OMR writes 200", {"name": "Lena"}),
    Call("api-contacts-left", "PUT", "contact", "OMR writes 200", {"on": DAY}),
    Call("api-contacts-by-external-id", "GET", "", "SOMR 404 · V 403"),
    Call("api-contacts-by-external-id", "PUT", "", "OMR 201", {"account": "account:own", "name": "Lena"}),
    Call(
        "api-consents-list", "POST", "", "OMR 201",
        {"contact": "contact:own", "purpose": "survey", "given": False, "on": DAY, "source": "call"},
    ),
    Call("api-consents-detail", "GET", "", "SOMR 404 · V 403"),
    Call("api-plans-list", "POST", "", "O 201", {"external_id": "small", "name": "Small"}),
    Call("api-plans-detail", "GET", "plan", EVERYBODY),
    Call("api-plans-detail", "PATCH", "plan", "O 200", {"name": "Small"}),
    Call("api-plans-by-external-id", "GET", "", "SOMRV 404"),
    Call("api-plans-by-external-id", "PUT", "", "O 201", {"name": "Small"}),
    Call("api-features-list", "POST", "", "O 201", {"key": "reports", "name": "Reports"}),
    Call("api-features-detail", "GET", "feature", EVERYBODY),
    Call("api-features-detail", "PATCH", "feature", "O 200", {"name": "Reports"}),
    Call("api-subscriptions-list", "POST", "", "OMR 201", TERMS | {"account": "account:own", "external_id": "l-9"}),
    Call("api-subscriptions-detail", "GET", "line", SEEN),
    Call("api-subscriptions-change", "POST", "line", "OMR writes 200", TERMS),
    Call("api-subscriptions-end", "POST", "line", "OMR writes 200", {"on": DAY}),
    Call("api-subscriptions-upsert", "PUT", "", "OMR 201", TERMS | {"account": "account:own"}),
    Call("api-subscription-changes-detail", "GET", "", "SOMRV 404"),
    Call("api-goals-list", "POST", "", "OMR 201", GOAL),
    Call("api-goals-detail", "GET", "goal", SEEN),
    Call("api-goals-upsert", "PUT", "", "OMR 201", GOAL),
    Call("api-goals-change", "POST", "goal", "OMR writes 200", {"target": "9", "due_on": "2099-01-01", "why": "Grew."}),
    Call("api-goals-drop", "POST", "goal", "OMR writes 200", {"why": "They no longer want it."}),
    Call("api-goals-resume", "POST", "dropped goal", "OMR writes 200", {}),
    Call("api-goal-changes-detail", "GET", "", "SOMRV 404"),
    Call("api-onboarding-plans-detail", "GET", "onboarding plan", EVERYBODY),
    Call("api-onboardings-list", "POST", "", "OMR 201", {"account": "account:own", "plan": "onboarding plan:"}),
    Call("api-milestone-reaches-list", "POST", "", "OMR 201", {"account": "account:own", "milestone": "kickoff:"}),
    Call("api-milestone-reaches-detail", "GET", "reach", SEEN),
    Call("api-milestone-reaches-take-back", "POST", "reach", "OMR writes 200", {}),
    Call("api-payments-list", "POST", "", "OMR 201", PAYMENT),
    Call("api-payments-detail", "GET", "payment", SEEN),
    Call("api-payments-upsert", "PUT", "", "OMR 201", PAYMENT),
    Call("api-promises-list", "POST", "", "OMR 201", PROMISE | {"contact": "contact:own", "promised_by": "user:"}),
    Call("api-promises-detail", "GET", "promise", SEEN),
    Call("api-promises-upsert", "PUT", "", "OMR 201", PROMISE),
    Call("api-promises-keep", "POST", "promise", "OMR writes 200", {}),
    Call("api-promises-fail", "POST", "promise", "OMR writes 200", {"why": "The vendor let us down."}),
    Call("api-promises-withdraw", "POST", "promise", "OMR writes 200", {"why": "They no longer want it."}),
    Call("api-promises-move", "POST", "promise", "OMR writes 200", {"due_on": "2099-01-01", "why": "They asked."}),
    Call("api-promises-reopen", "POST", "kept promise", "OMR writes 200", {}),
    Call("api-promise-changes-detail", "GET", "", "SOMRV 404"),
    Call("api-conversations-list", "POST", "", "OMR 201", TALK | {"contact": "contact:own"}),
    Call("api-conversations-detail", "GET", "conversation", SEEN),
    Call("api-conversations-upsert", "PUT", "", "OMR 201", TALK),
    Call("api-conversations-answer", "POST", "conversation", "OMR writes 200", {"text": "We look."}),
    Call("api-conversations-hear", "POST", "conversation", "OMR writes 200", {"text": "And?"}),
    Call("api-conversations-assign", "POST", "conversation", "OMR writes 200", {"responder": "ops user:"}),
    Call("api-conversations-wait", "POST", "conversation", "OMR writes 200", {}),
    Call("api-conversations-close", "POST", "conversation", "OMR writes 200", {}),
    Call("api-conversations-reopen", "POST", "closed conversation", "OMR writes 200", {}),
    Call("api-conversation-entries-list", "GET", "", "SOMR 200"),
    Call("api-conversation-entries-detail", "GET", "", "SOMR 404 · V 403"),
    Call("api-captured-mails-list", "POST", "", "SOMRV 204", {"recipient": "log-1-a@in.example", "message": "x"}),
    Call("api-captured-mails-detail", "GET", "captured mail", "R 200 · SOMVC 404"),
    Call("api-calendars-list", "POST", "", "O 201", {"name": "Korea", "week": [[540, 1080], *[None] * 6]}),
    Call("api-calendars-detail", "GET", "calendar", EVERYBODY),
    Call("api-calendars-detail", "PATCH", "calendar", "O 200", {"name": "Shops"}),
    Call("api-calendar-days-list", "POST", "", "O 201", {"calendar": "calendar:", "day": DAY, "name": "Outing"}),
    Call("api-calendar-days-detail", "GET", "calendar day", EVERYBODY),
    Call("api-calendar-days-detail", "DELETE", "calendar day", "O 204"),
    Call("api-response-targets-list", "POST", "", "O 201", {"channel": "mail", "minutes": 60}),
    Call("api-response-targets-detail", "GET", "response target", EVERYBODY),
    Call("api-response-targets-detail", "DELETE", "response target", "O 204"),
    Call("api-segments-list", "POST", "", "SOMR 201", RENEWING),
    # The rep's own segment; C stands in for the rep and is another person.
    Call("api-segments-detail", "GET", "segment", "R 200 · SOMVC 404"),
    Call("api-segments-detail", "PUT", "segment", "R 200 · SOMVC 404", RENEWING),
    Call("api-segments-detail", "DELETE", "segment", "R 204 · SOMVC 404"),
    Call("api-segments-members", "GET", "segment", "R 200 · SOMVC 404"),
    # --- to be read only
    Call("api-usage-days-list", "GET", "", "SOMRV 400"),  # asks for an account
    Call("api-events-detail", "GET", "event", EVERYBODY),
    Call("api-users-detail", "GET", "user", EVERYBODY),
    Call("api-teams-detail", "GET", "team", EVERYBODY),
    Call("api-record-detail", "GET", "", "SO 404"),
    Call("api-imports-detail", "GET", "import", "O 200"),
    # --- health
    Call("api-scores-detail", "GET", "account", SEEN),  # a score is its account's
    Call("api-score-days-list", "GET", "", "SOMRV 400"),  # asks for an account
    *(Call(f"api-{name}-detail", "GET", "", "SOMRV 404") for name in DETAILS),
    Call("api-pulses-list", "POST", "", "OMR 201", PULSE),
    Call("api-pulses-detail", "GET", "pulse", SEEN),
    Call("api-features-not-needed-list", "POST", "", "OMR 201", SPARED),
    Call("api-features-not-needed-detail", "GET", "left out", SEEN),
    Call("api-features-not-needed-need", "POST", "left out", "OMR writes 200", {}),
    Call("api-overrides-list", "POST", "", "OMR 201", OVERRIDE),
    Call("api-overrides-detail", "GET", "", "SOMRV 404"),
    Call("api-forecasts-detail", "GET", "forecast", SEEN),
    Call("api-forecasts-list", "POST", "", "OMR 201", FORECAST),
    # --- work
    Call("api-signals-detail", "GET", "signal", SEEN),
    Call("api-signals-snooze", "POST", "signal", "OMR writes 200", {"until": DAY, "why": "They are away."}),
    Call("api-playbooks-detail", "GET", "playbook", EVERYBODY),
    Call("api-tasks-list", "POST", "", "OMR 201", {"account": "account:own", "title": "Call", "due_on": DAY}),
    Call("api-tasks-detail", "GET", "task", SEEN),
    Call("api-tasks-detail", "PATCH", "task", "OMR writes 200", {"title": "Write"}),
    Call("api-tasks-done", "POST", "task", "OMR writes 200", {}),
    Call("api-tasks-dismiss", "POST", "task", "OMR writes 200", {"why": "They called us."}),
    Call("api-tasks-reopen", "POST", "task", "O writes 400 · MR writes 400", {}),  # it is open
    Call("api-follow-ups-list", "GET", "", "SOMR 200"),
    Call("api-follow-ups-detail", "GET", "draft", "SOMR sees 200"),
    # --- surveys
    Call("api-surveys-detail", "GET", "survey", EVERYBODY),
]  # fmt: skip
# What names no row of the company is asked for this one, which is not there.
NOBODYS = {"pk": 10**9, "external_id": "nobodys-1"}

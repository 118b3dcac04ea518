"""Kinds of files with what was said to customers and what they did not pay: goals, promises, payments."""

from crm.imports.rules.kinds import Kind


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it. Rules use this module without Django."""
    return text


PROMISES = "promises"
PROMISE_KIND = Kind(
    PROMISES,
    _("Promises"),
    _("What was promised to customers, by when, and what became of it."),
    {
        "account": ("account_id", "company_id", "customer_id", "account_external_id"),
        "external_id": ("id", "promise_id", "key"),
        "promise": ("text", "what", "title", "summary", "description", "commitment"),
        "due_on": ("due", "due_date", "deadline", "by_when"),
        "made_on": ("made", "promised_on", "date", "created", "created_on"),
        "to": ("to_whom", "contact", "contact_email", "email"),
        "by": ("by_whom", "owner", "promised_by", "owner_email"),
        "state": ("status",),
        "settled_on": ("kept_on", "closed_on", "completed_on", "done_on"),
        "why": ("reason", "note"),
    },
    required=(("account",), ("promise",), ("due_on",)),
    examples=(
        {
            "account": "acme",
            "external_id": "pr-7",
            "promise": "A report of seats by office",
            "due_on": "2026-12-04",
            "made_on": "2026-11-20",
            "to": "lena@acme.example",
            "by": "",
            "state": "open",
            "settled_on": "",
            "why": "",
        },
    ),
    dates=("due_on", "made_on", "settled_on"),
    tables=("crm_promise", "crm_promisechange", "crm_contact"),
    names_account=True,
    identity=("account", "external_id", "text", "due_on"),
)
PAYMENTS = "payments"
PAYMENT_KIND = Kind(
    PAYMENTS,
    _("Payments"),
    _("Payments that failed, were disputed or settled what was open, one line each."),
    {
        "account": ("account_id", "company_id", "customer_id", "account_external_id"),
        "subscription": ("subscription_id", "line", "contract_id"),
        "external_id": ("id", "payment_id", "charge_id", "event_id"),
        "kind": ("status", "state", "result", "what"),
        "on": ("date", "day", "at", "payment_date", "created"),
        "amount": ("value", "total"),
        "currency": ("currency_code",),
        "invoice": ("invoice_id", "invoice_number"),
        "why": ("reason", "failure_message", "note"),
    },
    required=(("account",), ("subscription",), ("kind",), ("on",)),
    examples=(
        {
            "account": "acme",
            "subscription": "main",
            "external_id": "pay-3",
            "kind": "failed",
            "on": "2026-11-03",
            "amount": "3000",
            "currency": "EUR",
            "invoice": "2026-118",
            "why": "The card has expired",
        },
    ),
    dates=("on",),
    tables=("crm_payment",),
    names_account=True,
    identity=("account", "subscription", "external_id", "invoice", "kind", "on"),
)
GOALS = "goals"
GOAL_KIND = Kind(
    GOALS,
    _("Goals"),
    _("Why customers bought, and the figure that shows whether they get it."),
    {
        "account": ("account_id", "company_id", "customer_id", "account_external_id"),
        "external_id": ("id", "goal_id", "key"),
        "goal": ("words", "text", "why", "objective", "description"),
        "feature": ("feature_key",),
        "trait": ("trait_key", "metric"),
        "baseline": ("start_value", "from"),
        "target": ("target_value", "goal_value", "to"),
        "due_on": ("due", "due_date", "deadline", "target_date"),
        "set_on": ("agreed_on", "start_date", "start"),
    },
    required=(("account",), ("goal",), ("feature", "trait"), ("target",), ("due_on",)),
    examples=(
        {
            "account": "acme",
            "external_id": "g-1",
            "goal": "Plan every trip in one place",
            "feature": "trips",
            "trait": "",
            "baseline": "40",
            "target": "200",
            "due_on": "2027-03-31",
            "set_on": "2026-11-01",
        },
    ),
    dates=("due_on", "set_on"),
    tables=("crm_goal", "crm_goalchange"),
    names_account=True,
    identity=("account", "external_id", "words"),
)

-- scoring_book.sql — Grain what the book knows of each account beside its usage: four conversations with two entries each, a
-- promise, a goal on a feature, a trait, and of one account in five an invoice that failed · Reads crm_account, crm_subscription
-- Writes crm_conversation, crm_entry, crm_promise, crm_promisechange, crm_goal, crm_goalchange, crm_payment, crm_trait
-- Safe to run twice: no; it fills an empty book.
WITH made AS (
    INSERT INTO crm_conversation (account_id, channel, subject, inbound, state, began_at, last_at, asked_at, target_minutes,
        spent_seconds, since, due_at, answered_at, closed_at, recorded_at)
    SELECT account.id, 'mail', 'Question ' || n, TRUE, state, day, day + interval '3 hours', day, 480, 0,
        CASE WHEN state = 'open' THEN day END, day + interval '16 hours', CASE WHEN state <> 'open' THEN day + interval '3 hours' END,
        CASE WHEN state <> 'open' THEN day + interval '4 hours' END, day
    FROM crm_account AS account, generate_series(0, 3) AS n,
        LATERAL (SELECT %(day)s::timestamptz - interval '1 day' * (1 + n * 17 + account.id %% 13) AS day,
            CASE WHEN n = 0 AND account.id %% 10 = 0 THEN 'open' ELSE 'closed' END AS state) AS turn
    RETURNING id, state, began_at, last_at
)
INSERT INTO crm_entry (conversation_id, at, inbound, text)
    SELECT id, began_at, TRUE, 'How is this meant?' FROM made
    UNION ALL
    SELECT id, last_at, FALSE, 'As it stands there.' FROM made WHERE state <> 'open';
WITH made AS (
    INSERT INTO crm_promise (account_id, text, state, due_on, created_at)
    SELECT id, 'We send the new rates', 'open', %(day)s::date + 10 - (id %% 15)::int, %(day)s::timestamptz - interval '20 days' FROM crm_account
    RETURNING id, account_id, due_on, created_at
)
INSERT INTO crm_promisechange (account_id, promise_id, kind, "on", due_on, why, recorded_at)
    SELECT account_id, id, 'made', created_at::date, due_on, '', created_at FROM made;
WITH made AS (
    INSERT INTO crm_goal (account_id, words, feature_id, created_at)
    SELECT id, 'Plan a week in an hour', 1 + id %% 12, %(day)s::timestamptz - interval '60 days' FROM crm_account
    RETURNING id, account_id, created_at
)
INSERT INTO crm_goalchange (account_id, goal_id, kind, "on", baseline, target, due_on, why, recorded_at)
    SELECT account_id, id, 'set', created_at::date, 0, 500, %(day)s::date + 90, '', created_at FROM made;
INSERT INTO crm_payment (account_id, subscription_id, kind, "on", invoice, amount, currency, why, recorded_at)
    SELECT account_id, id, 'failed', %(day)s::date - 12, 'INV-' || id, 100, 'EUR', '', %(day)s::timestamptz - interval '12 days'
    FROM crm_subscription
    WHERE id %% 5 = 0;
INSERT INTO crm_traitdefinition (id, key, label, type, unit, proposed) VALUES (1, 'routes', 'Routes', 'number', '', FALSE);
INSERT INTO crm_trait (account_id, definition_id, number, at, recorded_at)
    SELECT id, 1, id %% 100, %(day)s::timestamptz - interval '9 days', %(day)s::timestamptz - interval '9 days' FROM crm_account;
ANALYZE crm_conversation, crm_entry, crm_promisechange, crm_goal, crm_goalchange, crm_payment, crm_trait;

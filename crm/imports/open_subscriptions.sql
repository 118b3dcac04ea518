-- open_subscriptions.sql — Grain one row per line of an account that is new · Reads %(rows)s (JSON) · Writes
-- crm_subscription
-- Safe to run twice: a line that is there already stays as it is.
INSERT INTO crm_subscription (account_id, external_id, plan_id, created_at)
SELECT DISTINCT ON (row.account_id, row.external_id) row.account_id, row.external_id, row.plan_id, %(at)s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(account_id bigint, external_id text, plan_id bigint, effective_on date)
ORDER BY row.account_id, row.external_id, row.effective_on
ON CONFLICT (account_id, external_id) DO NOTHING

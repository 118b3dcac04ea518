-- add_usage_days.sql — Grain one row per account, UTC day and event name · Reads staged_usage · Writes crm_usage_day
-- Not safe to run twice: it adds. It runs in the transaction that inserts the seen ids, which is why each event adds once.
-- Sorted, so that two transactions take their rows in one order.
INSERT INTO crm_usage_day AS kept (account_id, day, event_id, uses, amount)
SELECT account_id, day, event_id, uses, amount FROM staged_usage ORDER BY account_id, day, event_id
ON CONFLICT (account_id, day, event_id)
DO UPDATE SET uses = kept.uses + EXCLUDED.uses, amount = kept.amount + EXCLUDED.amount

-- add_person_days.sql — Grain one row per account, UTC day and person · Reads staged_people · Writes crm_person_day
-- Not safe to run twice: it adds, in the transaction that inserts the seen ids (see add_usage_days.sql).
INSERT INTO crm_person_day AS kept (account_id, day, person_id, uses)
SELECT account_id, day, person_id, uses FROM staged_people ORDER BY account_id, day, person_id
ON CONFLICT (account_id, day, person_id) DO UPDATE SET uses = kept.uses + EXCLUDED.uses

-- kind_late_talks.sql — Grain one row per account with a conversation in which it is our turn and that was due before the
-- day began · Reads crm_conversation, crm_entry, crm_account · Writes nothing
-- Safe to run twice: it only reads; the day's first instant decides, so that nothing turns late by the clock alone.
SELECT coalesce(own.merged_into_id, own.id) AS account_id, count(*) AS found
FROM crm_conversation AS held
JOIN crm_account AS own ON own.id = held.account_id
WHERE held.due_at < %(as_of)s::timestamp AT TIME ZONE 'UTC' AND /*waiting*/ /*theirs*/
GROUP BY 1

-- kind_open_talks.sql — Grain one row per account with a conversation in which it is our turn · Reads crm_conversation,
-- crm_entry, crm_account · Writes nothing
-- Safe to run twice: it only reads. On a past day: begun by then, last spoken by them, and not closed by then.
SELECT coalesce(own.merged_into_id, own.id) AS account_id, count(*) AS found
FROM crm_conversation AS held
JOIN crm_account AS own ON own.id = held.account_id
WHERE /*waiting*/ /*theirs*/
GROUP BY 1

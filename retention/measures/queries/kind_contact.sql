-- kind_contact.sql — Grain one row per account that we have spoken with in the window · Reads crm_conversation, crm_entry,
-- crm_account · Writes nothing
-- Safe to run twice: it only reads. Days since both sides had spoken: a call or a meeting, or a conversation in which they
-- and we have each said something; notes and mentions are no talk.
SELECT coalesce(own.merged_into_id, own.id) AS account_id, greatest(%(as_of)s::date - max(spoken.at AT TIME ZONE 'UTC')::date, 0) AS found
FROM crm_conversation AS held
JOIN crm_account AS own ON own.id = held.account_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN held.channel IN ('call', 'meeting') THEN max(entry.at)
        WHEN bool_or(entry.inbound) AND NOT bool_and(entry.inbound)
            THEN least(max(entry.at) FILTER (WHERE entry.inbound), max(entry.at) FILTER (WHERE NOT entry.inbound)) END AS at
    FROM crm_entry AS entry
    WHERE entry.conversation_id = held.id AND (%(known)s::timestamptz IS NULL OR entry.at <= %(known)s)
) AS spoken
WHERE held.last_at >= %(as_of)s::date - /*w*/ AND held.channel NOT IN ('note', 'mention') AND spoken.at IS NOT NULL
    AND /*recorded crm_conversation*/ /*theirs*/
GROUP BY 1

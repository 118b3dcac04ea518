-- occurrences.sql — Grain one row per promise that has become overdue, and per payment that has failed or is disputed, of a
-- live account · Reads crm_promise, crm_account, payment troubles, retention_risksignal · Writes nothing
-- Safe to run twice: it only reads; what has a signal, open or closed, is left out. Transitions only: what is older than
-- %(fresh)s days, as in a file taken over, opens nothing. A promise is overdue from the day after, where the account is.
SELECT found.account_id, found.kind, found.subject, found.evidence
FROM (
    SELECT coalesce(account.merged_into_id, account.id) AS account_id, 'overdue_promise' AS kind,
        promise.id || ':' || promise.due_on AS subject, jsonb_build_object('text', promise.text, 'due_on', promise.due_on) AS evidence
    FROM crm_promise AS promise JOIN crm_account AS account ON account.id = promise.account_id
    WHERE promise.state = 'open' AND promise.due_on BETWEEN %(day)s::date - %(fresh)s AND %(day)s
        AND (promise.due_on + 1)::timestamp AT TIME ZONE account.time_zone <= %(at)s
    UNION ALL
    SELECT trouble.account_id, 'payment_failed', trouble.payment::text,
        jsonb_build_object('kind', trouble.kind, 'since', trouble.since, 'amount', trouble.amount, 'currency', trouble.currency)
    FROM (/*troubles*/) AS trouble
    WHERE trouble.since >= %(day)s::date - %(fresh)s
) AS found
JOIN crm_account AS whole ON whole.id = found.account_id AND whole.stage NOT IN ('churned', 'let_go')
WHERE NOT EXISTS (SELECT FROM retention_risksignal AS known WHERE known.kind = found.kind AND known.subject = found.subject)
ORDER BY found.account_id, found.kind, length(found.subject), found.subject -- numbers as numbers

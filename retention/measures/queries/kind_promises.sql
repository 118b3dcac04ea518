-- kind_promises.sql — Grain one row per account with a promise that is overdue · Reads crm_promisechange, crm_account ·
-- Writes nothing
-- Safe to run twice: it only reads. As crm/promises/standing.sql: open after the day on which it was due.
SELECT coalesce(own.merged_into_id, own.id) AS account_id, count(*) AS found
FROM (
    SELECT DISTINCT ON (held.promise_id) held.account_id, held.kind, held.due_on
    FROM crm_promisechange AS held
    WHERE held."on" <= %(as_of)s AND /*recorded crm_promisechange*/ /*theirs*/
    ORDER BY held.promise_id, held."on" DESC, held.id DESC
) AS turn
JOIN crm_account AS own ON own.id = turn.account_id
WHERE turn.kind NOT IN ('kept', 'broken', 'withdrawn') AND turn.due_on < %(as_of)s
GROUP BY 1

-- standing.sql — Grain one row per promise that was made by %(day)s, as it stood at the end of that day · Reads crm_promise,
-- crm_promisechange, crm_account · Writes nothing
-- Safe to run twice: it only reads. Mirrors rules.standing over turns recorded by %(known)s (null: all). %(accounts)s: only
-- these, with those merged into them (null: all). Days are those of the account's zone.
SELECT turn.promise_id, coalesce(account.merged_into_id, account.id) AS account_id,
    CASE WHEN turn.kind IN ('kept', 'broken', 'withdrawn') THEN turn.kind
        WHEN turn.due_on < %(day)s THEN 'overdue' ELSE 'open' END AS state,
    turn."on" AS since, turn.due_on,
    greatest(CASE turn.kind WHEN 'kept' THEN turn."on" - turn.due_on WHEN 'broken' THEN 0 WHEN 'withdrawn' THEN 0
        ELSE %(day)s - turn.due_on END, 0) AS late
FROM (
    SELECT DISTINCT ON (promise_id) promise_id, account_id, kind, "on", due_on
    FROM crm_promisechange
    WHERE "on" <= %(day)s AND (%(known)s::timestamptz IS NULL OR recorded_at <= %(known)s)
        AND (%(accounts)s::bigint[] IS NULL OR account_id = ANY (ARRAY(
            SELECT id FROM crm_account WHERE id = ANY (%(accounts)s) OR merged_into_id = ANY (%(accounts)s))))
    ORDER BY promise_id, "on" DESC, id DESC
) AS turn
JOIN crm_account AS account ON account.id = turn.account_id
ORDER BY turn.promise_id

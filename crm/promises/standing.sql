-- standing.sql — Grain one row per promise that was made by %(day)s, as it stood at the end of that day · Reads crm_promise,
-- crm_promisechange, crm_account · Writes nothing
-- Safe to run twice: it only reads. Mirrors rules.standing over turns recorded by %(known)s (null: all); where %(stood)s, over those
-- recorded before the day was over, and over all (in hindsight) only where there was none. %(accounts)s: only these, with those
-- merged into them (null: all). Days are those of the account's zone.
SELECT turn.promise_id, turn.account_id,
    CASE WHEN turn.kind IN ('kept', 'broken', 'withdrawn') THEN turn.kind
        WHEN turn.due_on < %(day)s THEN 'overdue' ELSE 'open' END AS state,
    turn."on" AS since, turn.due_on,
    greatest(CASE turn.kind WHEN 'kept' THEN turn."on" - turn.due_on WHEN 'broken' THEN 0 WHEN 'withdrawn' THEN 0
        ELSE %(day)s - turn.due_on END, 0) AS late, turn.is_late AS hindsight
FROM (
    SELECT DISTINCT ON (held.promise_id) held.promise_id, coalesce(account.merged_into_id, account.id) AS account_id, held.kind,
        held."on", held.due_on, learned.is_late
    FROM crm_promisechange AS held
    JOIN crm_account AS account ON account.id = held.account_id
    CROSS JOIN LATERAL (
        SELECT %(stood)s AND held.recorded_at >= (%(day)s::date + 1)::timestamp AT TIME ZONE account.time_zone AS is_late
    ) AS learned
    WHERE held."on" <= %(day)s AND (%(known)s::timestamptz IS NULL OR held.recorded_at <= %(known)s)
        AND (%(accounts)s::bigint[] IS NULL OR held.account_id = ANY (ARRAY(
            SELECT id FROM crm_account WHERE id = ANY (%(accounts)s) OR merged_into_id = ANY (%(accounts)s))))
    ORDER BY held.promise_id, learned.is_late, held."on" DESC, held.id DESC
) AS turn
ORDER BY turn.promise_id

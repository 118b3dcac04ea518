-- going.sql — Grain one row per account that is still in onboarding, whoever is stuck longest first, behind the place
-- (%(rank)s, %(late)s, %(after)s) · Reads course, the accounts that the reader sees, crm_user, crm_team · Writes nothing
-- Safe to run twice: it only reads. Each row repeats how many are stuck, behind and on track in all.
, listed AS (
    SELECT stood.*, array_position(ARRAY['stuck', 'behind', 'on_track'], stood.state) AS rank
    FROM stood
    WHERE stood.state IN ('stuck', 'behind', 'on_track') AND (%(plan)s::bigint IS NULL OR stood.plan_id = %(plan)s)
)
SELECT listed.account_id, seen.name, coalesce(owner.name, pool.name, '') AS holder, listed.plan, listed.started_on,
    listed.steps, listed.reached, listed.late, listed.state, listed.last_on, listed.next_id, listed.next_name, listed.next_kind,
    listed.next_due_on, listed.rank, tally.stuck, tally.behind, tally.on_track
FROM listed
JOIN (/*accounts*/) AS seen ON seen.pk = listed.account_id
LEFT JOIN crm_user AS owner ON owner.id = seen.owner_id
LEFT JOIN crm_team AS pool ON pool.id = seen.pool_id
CROSS JOIN (
    SELECT count(*) FILTER (WHERE state = 'stuck') AS stuck, count(*) FILTER (WHERE state = 'behind') AS behind,
        count(*) FILTER (WHERE state = 'on_track') AS on_track
    FROM listed
) AS tally
WHERE %(rank)s::int IS NULL OR (listed.rank, -listed.late, listed.account_id) 
        > (%(rank)s::int, -(%(late)s::int), %(after)s::bigint)
ORDER BY listed.rank, -listed.late, listed.account_id
LIMIT %(limit)s

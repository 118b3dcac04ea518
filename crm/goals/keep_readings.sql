-- keep_readings.sql — Grain one row per goal of a live account whose figure differs from the last one kept, or was last kept a
-- week ago · Reads progress, crm_account, crm_goalreading · Writes crm_goalreading
-- Safe to run twice: a day's row stands as it was first written.
INSERT INTO crm_goalreading (goal_id, account_id, day, value, recorded_at)
SELECT now.goal_id, now.account_id, %(day)s, now.value, %(at)s
FROM (/*progress*/) AS now
JOIN crm_account AS account ON account.id = now.account_id AND account.stage NOT IN ('churned', 'let_go')
LEFT JOIN LATERAL (
    SELECT held.day, held.value FROM crm_goalreading AS held
    WHERE held.goal_id = now.goal_id AND held.day <= %(day)s
    ORDER BY held.day DESC
    LIMIT 1
) AS held ON TRUE
WHERE now.kind <> 'dropped'
    AND (held.day IS NULL OR held.day <= %(day)s::date - 7 OR held.value IS DISTINCT FROM now.value::numeric(40, 9))
ORDER BY now.goal_id
ON CONFLICT DO NOTHING

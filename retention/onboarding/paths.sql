-- paths.sql — Grain one row per figure of the plan %(plan)s and value of it, with how many accounts have it · Reads course ·
-- Writes nothing
-- Safe to run twice: it only reads. spell: days from the start until the milestone `key` was reached (`hit`), or for which it
-- was watched (key '': all of them). stop: the milestone at which those stand who are stuck, left or ran out of time, `value`
-- naming which. churn: of those who were there on the day by which it was due, and whose next %(horizon)s days are known by
-- %(reach)s, who had reached it by then (`value` 1) and who left in those days (`hit`).
SELECT 'spell' AS what, key, greatest(coalesce("on", seen_on) - started_on, 0) AS value, "on" IS NOT NULL AS hit, count(*) AS accounts
FROM step WHERE plan_id = %(plan)s GROUP BY 2, 3, 4
UNION ALL
SELECT 'spell', '', greatest(CASE state WHEN 'done' THEN last_on ELSE seen_on END - started_on, 0), state = 'done', count(*)
FROM stood WHERE plan_id = %(plan)s GROUP BY 3, 4
UNION ALL
SELECT 'stop', next_key, array_position(ARRAY['stuck', 'left', 'over'], state), true, count(*)
FROM stood WHERE plan_id = %(plan)s AND state IN ('stuck', 'left', 'over') GROUP BY 2, 3
UNION ALL
SELECT 'churn', key, (coalesce("on" <= due_on, false))::int, coalesce(churned_on <= due_on + %(horizon)s, false), count(*)
FROM step
WHERE plan_id = %(plan)s AND (churned_on IS NULL OR churned_on > due_on) AND due_on + %(horizon)s <= %(reach)s
GROUP BY 2, 3, 4
ORDER BY 1, 2, 3, 4

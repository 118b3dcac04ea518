-- progress.sql — Grain one row per goal that was set by %(day)s, as it stood at the end of that day · Reads crm_goal,
-- crm_goalchange, crm_goalreading, crm_account, crm_usage_day, crm_eventname, crm_feature, crm_trait, crm_traitdefinition ·
-- Writes nothing
-- Safe to run twice: it only reads. Terms and trait values recorded by %(known)s (null: all). A feature's figure is its use in
-- [day − 28, day), as everywhere: through yesterday. No figure is known of an account that never used anything. What was
-- used by accounts merged into one, and their goals, count for it. Of a trait that is no number any more nothing is known, from
-- then on. Where %(stood)s, the figure is the one that was kept then, and is worked out from the facts (in hindsight) only where
-- none was.
WITH stands AS (
    SELECT DISTINCT ON (goal_id) goal_id, kind, "on" AS since, baseline, target, due_on,
        min("on") OVER (PARTITION BY goal_id) AS set_on
    FROM crm_goalchange AS held
    WHERE "on" <= %(day)s AND (%(known)s::timestamptz IS NULL OR recorded_at <= %(known)s) /*only*/
    ORDER BY goal_id, "on" DESC, id DESC
)
SELECT goal.id AS goal_id, whole.id AS account_id, goal.words, coalesce(feature.name, trait.label) AS measure,
    coalesce(feature.unit, trait.unit) AS unit, goal.feature_id IS NOT NULL AS is_use, stands.kind, stands.since, stands.set_on,
    stands.due_on, stands.baseline, stands.target,
    CASE WHEN kept.day IS NOT NULL THEN kept.value WHEN goal.feature_id IS NULL THEN held.number ELSE used.amount END AS value,
    %(stood)s::boolean AND kept.day IS NULL AS hindsight
FROM stands
JOIN crm_goal AS goal ON goal.id = stands.goal_id
JOIN crm_account AS own ON own.id = goal.account_id
CROSS JOIN LATERAL (SELECT coalesce(own.merged_into_id, own.id) AS id) AS whole
LEFT JOIN crm_feature AS feature ON feature.id = goal.feature_id
LEFT JOIN crm_traitdefinition AS trait ON trait.id = goal.trait_id
CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT id FROM crm_account WHERE id = whole.id OR merged_into_id = whole.id) AS ids OFFSET 0
) AS theirs
LEFT JOIN LATERAL (
    SELECT CASE WHEN feature.counts_amount THEN coalesce(sum(used.amount), 0) / 1000000 ELSE coalesce(sum(used.uses), 0) END AS amount
    FROM crm_usage_day AS used
    WHERE used.account_id = ANY (theirs.ids) AND used.day >= %(day)s::date - 28 AND used.day < %(day)s
        AND used.event_id = ANY (ARRAY(SELECT id FROM crm_eventname WHERE feature_id = goal.feature_id))
) AS used ON goal.feature_id IS NOT NULL
    AND EXISTS (SELECT FROM crm_usage_day AS ever WHERE ever.account_id = ANY (theirs.ids) AND ever.day < %(day)s)
LEFT JOIN LATERAL (
    SELECT number FROM crm_trait AS held
    WHERE held.account_id = whole.id AND held.definition_id = goal.trait_id
        AND held.at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
        AND (%(known)s::timestamptz IS NULL OR held.recorded_at <= %(known)s)
    ORDER BY held.at DESC
    LIMIT 1
) AS held ON goal.trait_id IS NOT NULL
LEFT JOIN LATERAL (
    SELECT day, value FROM crm_goalreading
    WHERE goal_id = goal.id AND day <= %(day)s AND day > %(day)s::date - 7
        AND (%(known)s::timestamptz IS NULL OR recorded_at <= %(known)s)
    ORDER BY day DESC
    LIMIT 1
) AS kept ON %(stood)s::boolean
ORDER BY whole.id, stands.due_on, goal.id

-- kind_goals.sql — Grain one row per account with a goal whose figure is measured · Reads crm_goal, crm_goalchange,
-- crm_goalreading, crm_account, the windows, crm_eventname, crm_feature, crm_trait · Writes nothing
-- Safe to run twice: it only reads. The mean share of the way, each between 0 and 1; dropped goals count no more. As
-- crm/goals/progress.sql, with use from the windows. On a past day the figure is the one that was kept then, where one was.
SELECT way.account_id, avg(least(greatest((way.value - way.baseline) / (way.target - way.baseline), 0), 1)) AS found,
    count(*) AS base
FROM (
    SELECT coalesce(own.merged_into_id, own.id) AS account_id, stands.baseline, stands.target,
        CASE WHEN kept.day IS NOT NULL THEN kept.value WHEN goal.feature_id IS NULL THEN trait.number
            WHEN use.account_id IS NULL THEN NULL WHEN feature.counts_amount THEN use.amount / 1000000::numeric
            ELSE use.uses END AS value
    FROM (
        SELECT DISTINCT ON (held.goal_id) held.goal_id, held.kind, held.baseline, held.target
        FROM crm_goalchange AS held
        WHERE held."on" <= %(as_of)s AND /*recorded crm_goalchange*/ /*theirs*/
        ORDER BY held.goal_id, held."on" DESC, held.id DESC
    ) AS stands
    JOIN crm_goal AS goal ON goal.id = stands.goal_id
    JOIN crm_account AS own ON own.id = goal.account_id
    LEFT JOIN crm_feature AS feature ON feature.id = goal.feature_id
    LEFT JOIN LATERAL (
        SELECT day, value FROM crm_goalreading
        WHERE goal_id = goal.id AND day <= %(as_of)s AND day > %(as_of)s::date - 7
        ORDER BY day DESC
        LIMIT 1
    ) AS kept ON %(known)s::timestamptz IS NOT NULL
    LEFT JOIN LATERAL (
        -- Whoever never used anything has no row in the windows, and nothing is known of them.
        SELECT used.account_id, coalesce(sum(used.uses_28) FILTER (WHERE named.feature_id = goal.feature_id), 0) AS uses,
            coalesce(sum(used.amount_28) FILTER (WHERE named.feature_id = goal.feature_id), 0) AS amount
        FROM /*events*/ AS used LEFT JOIN crm_eventname AS named ON named.id = used.event_id
        WHERE used.account_id = coalesce(own.merged_into_id, own.id)
        GROUP BY used.account_id
    ) AS use ON goal.feature_id IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT held.number FROM crm_trait AS held
        WHERE held.account_id = coalesce(own.merged_into_id, own.id) AND held.definition_id = goal.trait_id
            AND held.number IS NOT NULL AND held.at < (%(as_of)s::date + 1)::timestamp AT TIME ZONE 'UTC'
            AND /*recorded crm_trait*/
        ORDER BY held.at DESC
        LIMIT 1
    ) AS trait ON goal.trait_id IS NOT NULL
    WHERE stands.kind <> 'dropped'
) AS way
WHERE way.value IS NOT NULL
GROUP BY way.account_id

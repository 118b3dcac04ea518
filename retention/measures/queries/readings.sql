-- readings.sql — Grain one row per live account · Reads judged, plan_key, the windows, crm_eventname · Writes
-- nothing; the caller keeps the rows
-- Safe to run twice: it is a function of its tables. Arrays follow the scorecard's measures; null is missing. The kinds
-- put their fragments in place of the marks: an aggregate over one account's features, or a SELECT of their own.
WITH several AS (
    -- Most features are fed by one event, and then there is nothing to add up.
    SELECT feature_id FROM crm_eventname WHERE feature_id IS NOT NULL GROUP BY feature_id HAVING count(*) > 1
), feature_use AS (
    SELECT used.account_id, named.feature_id, used.last_day/*window columns*/
    FROM /*events*/ AS used
    JOIN crm_eventname AS named ON named.id = used.event_id AND (named.feature_id IS NOT NULL OR named.is_use)
    WHERE NOT EXISTS (SELECT FROM several WHERE several.feature_id = named.feature_id) /*changed*/
    UNION ALL
    SELECT used.account_id, named.feature_id, max(used.last_day)/*window sums*/
    FROM /*events*/ AS used
    JOIN crm_eventname AS named ON named.id = used.event_id
    JOIN several ON several.feature_id = named.feature_id
    WHERE TRUE /*changed*/
    GROUP BY used.account_id, named.feature_id
), by_feature AS (
    SELECT judged.account_id/*aggregates*/
    FROM judged
    LEFT JOIN feature_use AS used ON used.account_id = judged.account_id
    LEFT JOIN plan_key AS plan ON plan.plan_set = judged.plan_set AND plan.feature_id = used.feature_id/*but spared*/
    GROUP BY judged.account_id
)/*selects*/
SELECT judged.account_id, ARRAY[/*values*/]::numeric[] AS values, ARRAY[/*bases*/]::numeric[] AS bases
FROM (
    -- What was found, and its base worked out once; a fence, or the planner would write it into every place.
    SELECT judged.account_id, judged.tenure, /*figures*/
    FROM judged
    JOIN by_feature USING (account_id)
    LEFT JOIN (SELECT DISTINCT plan_set, features FROM plan_key) AS included ON included.plan_set = judged.plan_set/*joins*/
    OFFSET 0
) AS judged

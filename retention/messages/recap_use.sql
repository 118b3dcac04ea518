-- recap_use.sql — Grain one row per account of %(accounts)s and feature, used in the %(span)s days before %(day)s or paid for
-- on it; feature null: use that feeds no feature · Reads crm_usage_day, crm_eventname, crm_feature, crm_account, paid
-- plans, retention_notneeded ·
-- Writes nothing
-- Safe to run twice: it only reads. Uses and amounts (millionths) in [day − 28, day), and in the 28 days before. `days`:
-- flagged uses by day over the whole span, only where more than 56 days are asked for. Begins with the WITH list of
-- crm.subscriptions.queries.facts.
/*facts*/,
mine AS (
    SELECT id, coalesce(merged_into_id, id) AS account_id
    FROM crm_account
    WHERE id = ANY (%(accounts)s) OR merged_into_id = ANY (%(accounts)s)
), used AS (
    SELECT mine.account_id, event.feature_id, usage.day, sum(usage.uses) AS uses, sum(usage.amount) AS amount,
        coalesce(sum(usage.uses) FILTER (WHERE event.is_use), 0) AS flagged,
        usage.day >= %(day)s::date - 28 AS now, usage.day BETWEEN %(day)s::date - 56 AND %(day)s::date - 29 AS before
    FROM mine
    JOIN crm_usage_day AS usage
        ON usage.account_id = mine.id AND usage.day >= %(day)s::date - %(span)s::int AND usage.day < %(day)s::date
    JOIN crm_eventname AS event ON event.id = usage.event_id
    GROUP BY 1, 2, 3
), summed AS MATERIALIZED (
    SELECT account_id, feature_id,
        coalesce(sum(uses) FILTER (WHERE now), 0)::bigint AS uses,
        coalesce(sum(uses) FILTER (WHERE before), 0)::bigint AS uses_before,
        coalesce(sum(amount) FILTER (WHERE now), 0) AS amount,
        coalesce(sum(amount) FILTER (WHERE before), 0) AS amount_before,
        CASE WHEN %(span)s > 56 THEN jsonb_object_agg(day, flagged) END AS days
    FROM used
    GROUP BY 1, 2
), paid AS MATERIALIZED (
    SELECT DISTINCT plan.account_id, feature.id AS feature_id
    FROM paid_plan_features AS plan
    JOIN crm_feature AS feature ON plan.everything OR feature.id = plan.feature_id
    WHERE (plan.account_id, feature.id) NOT IN (SELECT account_id, feature_id FROM (/*not needed*/) AS spared)
)
SELECT account_id, feature_id, feature.name, feature.unit, feature.is_key, feature.counts_amount, feature.threshold,
    paid.feature_id IS NOT NULL AS is_paid, coalesce(summed.uses, 0), coalesce(summed.uses_before, 0),
    coalesce(summed.amount, 0), coalesce(summed.amount_before, 0), summed.days
FROM summed
FULL JOIN paid USING (account_id, feature_id)
LEFT JOIN crm_feature AS feature ON feature.id = feature_id
ORDER BY account_id, feature.name, feature_id

-- behind_days.sql — Grain one row per feature and UTC day on which the account used it, of %(days)s days before %(day)s ·
-- Reads crm_usage_day, crm_eventname, crm_feature, crm_account · Writes nothing
-- Safe to run twice: it only reads. Days of accounts merged into it are its own. Feature null: flagged events without one.
SELECT named.feature_id, feature.name, used.day, sum(used.uses)::numeric AS uses, sum(used.amount) / 1000000::numeric AS amount
FROM crm_usage_day AS used
JOIN crm_eventname AS named ON named.id = used.event_id AND (named.feature_id IS NOT NULL OR named.is_use)
LEFT JOIN crm_feature AS feature ON feature.id = named.feature_id
WHERE used.account_id = ANY (ARRAY(SELECT id FROM crm_account WHERE id = %(account)s OR merged_into_id = %(account)s))
    AND used.day >= %(day)s::date - %(days)s::int AND used.day < %(day)s
GROUP BY named.feature_id, feature.name, used.day
ORDER BY feature.name NULLS LAST, named.feature_id, used.day

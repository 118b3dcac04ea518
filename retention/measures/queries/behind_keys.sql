-- behind_keys.sql — Grain one row per key feature of what the account pays for, without those it does not need · Reads the
-- temporary tables judged, plan_key and spared, crm_feature · Writes nothing
-- Safe to run twice: it only reads.
SELECT feature.id, feature.name, plan.threshold, plan.counts_amount
FROM judged
JOIN plan_key AS plan ON plan.plan_set = judged.plan_set
JOIN crm_feature AS feature ON feature.id = plan.feature_id
WHERE NOT EXISTS (SELECT FROM spared WHERE spared.account_id = judged.account_id AND spared.feature_id = feature.id)
ORDER BY feature.name, feature.id

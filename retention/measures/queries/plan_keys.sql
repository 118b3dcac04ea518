-- plan_keys.sql — Grain one row per set of paid plans and key feature that they include · Reads judged, crm_feature,
-- crm_plan, crm_plan_features · Writes the temporary table plan_key
-- Safe to run twice: the table lives for the transaction. Sets are few, whatever the number of accounts.
CREATE TEMP TABLE plan_key ON COMMIT DROP AS
SELECT paid.plan_set, feature.id AS feature_id, feature.threshold, feature.counts_amount,
    count(*) OVER (PARTITION BY paid.plan_set) AS features
FROM (SELECT DISTINCT plan_set, plans FROM judged WHERE plan_set IS NOT NULL) AS paid
JOIN crm_feature AS feature ON feature.is_key AND EXISTS (
    SELECT FROM crm_plan AS plan
    LEFT JOIN crm_plan_features AS listed ON listed.plan_id = plan.id AND listed.feature_id = feature.id
    WHERE plan.id = ANY(paid.plans) AND (plan.includes_everything OR listed.feature_id IS NOT NULL)
)

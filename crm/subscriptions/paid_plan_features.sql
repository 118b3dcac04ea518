-- paid_plan_features.sql — Grain one row per account, paid plan and feature it includes on %(day)s · Reads term, crm_plan,
-- crm_plan_features · Writes nothing
-- Safe to run twice: it only reads. feature_id null: the plan lists none; with everything, it includes every feature.
SELECT DISTINCT term.account_id, CASE WHEN NOT plan.includes_everything THEN listed.feature_id END AS feature_id,
    plan.includes_everything AS everything
FROM term
JOIN crm_plan AS plan ON plan.id = term.plan_id
LEFT JOIN crm_plan_features AS listed ON listed.plan_id = plan.id
WHERE term.from_on <= %(day)s AND %(day)s < term.until_on

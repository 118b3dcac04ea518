-- steps.sql — Grain one row per account and milestone of its edition, in their order · Reads course, crm_feature, crm_user ·
-- Writes nothing
-- Safe to run twice: it only reads. "on" null: not reached by %(day)s, or by the day on which the onboarding froze.
SELECT step.account_id, step.milestone_id, step.name, step.kind, coalesce(feature.name, '') AS feature,
    coalesce(feature.unit, '') AS unit, step.amount, step.is_value, step.due_on, step."on", coalesce(person.name, '') AS who
FROM step
LEFT JOIN crm_feature AS feature ON feature.id = step.feature_id
LEFT JOIN crm_user AS person ON person.id = step.recorded_by_id
ORDER BY step.account_id, step.position

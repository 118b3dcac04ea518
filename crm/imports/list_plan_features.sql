-- list_plan_features.sql — Grain one row per plan of the chunk whose list changed · Reads %(rows)s (JSON), crm_plan,
-- crm_plan_features · Writes crm_plan_features
-- Safe to run twice: the plan's list is made equal to the file's. A plan without a list in the file keeps its own.
WITH listed AS MATERIALIZED (
    SELECT row.line, plan.id AS plan_id, feature::bigint AS feature_id
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(line bigint, external_id text, features jsonb)
    JOIN crm_plan AS plan USING (external_id)
    CROSS JOIN jsonb_array_elements_text(row.features) AS feature
), dropped AS (
    DELETE FROM crm_plan_features AS held
    WHERE held.plan_id IN (SELECT plan_id FROM listed)
        AND NOT EXISTS (
            SELECT FROM listed WHERE listed.plan_id = held.plan_id AND listed.feature_id = held.feature_id)
    RETURNING plan_id
), added AS (
    INSERT INTO crm_plan_features (plan_id, feature_id)
    SELECT plan_id, feature_id FROM listed
    ON CONFLICT (plan_id, feature_id) DO NOTHING
    RETURNING plan_id
)
SELECT DISTINCT listed.line, plan_id, false FROM listed JOIN (SELECT * FROM dropped UNION SELECT * FROM added) AS moved USING (plan_id)

-- upsert_plans.sql — Grain one row per plan of the chunk that was added or changed · Reads %(rows)s (JSON), crm_plan ·
-- Writes crm_plan
-- Safe to run twice: the second run finds every plan as the file says. A null in the file leaves the plan as it is.
WITH incoming AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(
        line bigint, external_id text, name text, includes_everything boolean)
), changed AS (
    UPDATE crm_plan AS held SET name = coalesce(incoming.name, held.name),
        includes_everything = coalesce(incoming.includes_everything, held.includes_everything)
    FROM incoming
    WHERE incoming.external_id = held.external_id
        AND (held.name, held.includes_everything) IS DISTINCT FROM
            (coalesce(incoming.name, held.name), coalesce(incoming.includes_everything, held.includes_everything))
    RETURNING held.id, held.external_id
), added AS (
    INSERT INTO crm_plan (external_id, name, includes_everything)
    SELECT incoming.external_id, coalesce(incoming.name, left(incoming.external_id, 120)),
        coalesce(incoming.includes_everything, false)
    FROM incoming
    WHERE NOT EXISTS (SELECT FROM crm_plan AS held WHERE held.external_id = incoming.external_id)
    RETURNING id, external_id
)
SELECT incoming.line, touched.id, touched.is_new
FROM (SELECT id, external_id, true AS is_new FROM added UNION ALL SELECT id, external_id, false FROM changed) AS touched
JOIN incoming USING (external_id)

-- dry_effects.sql — Grain one row per row that this transaction's dry run changes · Reads crm_importeffect, crm_trait ·
-- Writes nothing
-- Safe to run twice: it only reads. Rows without a run are those of dry runs, which never commit: only one's own are seen.
SELECT CASE WHEN effect.table_name = %(main)s THEN effect.row_id
        ELSE (coalesce(effect.after, effect.before) ->> %(parent)s)::bigint END AS row_id,
    effect.table_name, effect.before, effect.after, to_jsonb(earlier.*) AS earlier
FROM crm_importeffect AS effect
LEFT JOIN LATERAL (
    SELECT held.* FROM crm_trait AS held
    WHERE effect.table_name = 'crm_trait' AND held.account_id = (effect.after ->> 'account_id')::bigint
        AND held.definition_id = (effect.after ->> 'definition_id')::bigint AND held.id < effect.row_id
    ORDER BY held.at DESC, held.id DESC LIMIT 1
) AS earlier ON true
WHERE effect.run_id IS NULL
    AND (effect.table_name = %(main)s OR coalesce(effect.after, effect.before) ? %(parent)s)
ORDER BY effect.id

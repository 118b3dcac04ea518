-- settle_effects.sql — Grain one row per effect · Reads and writes crm_importeffect
-- Safe to run twice: what is settled stays so.
UPDATE crm_importeffect AS effect SET settled = true, "left" = told.words
FROM unnest(%(ids)s::bigint[], %(left)s::text[]) AS told (row_id, words)
WHERE effect.run_id = %(run)s AND effect.table_name = %(table)s AND effect.row_id = told.row_id

-- rows_to_undo.sql — Grain one row per row of one table that a run changed and that is not settled · Reads
-- crm_importeffect · Writes nothing
-- Safe to run twice: it only reads.
SELECT DISTINCT row_id FROM crm_importeffect
WHERE run_id = %(run)s AND table_name = %(table)s AND NOT settled
ORDER BY row_id
LIMIT %(limit)s

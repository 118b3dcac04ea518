-- tables_to_undo.sql — Grain one row per table in which a run changed rows that are not settled · Reads crm_importeffect
-- · Writes nothing
-- Safe to run twice: it only reads.
SELECT DISTINCT table_name FROM crm_importeffect WHERE run_id = %(run)s AND NOT settled

-- judge_undo.sql — Grain one row per row that a run changed · Reads crm_importeffect and the table itself, locking its
-- rows · Writes nothing
-- Safe to run twice: it only reads. A row goes back where every value that the run set still stands; only those values
-- are set back, so what somebody has changed beside them stays.
WITH first AS (
    SELECT DISTINCT ON (row_id) row_id, before FROM crm_importeffect
    WHERE run_id = %(run)s AND table_name = %(table)s AND row_id = ANY (%(ids)s) ORDER BY row_id, id
), last AS (
    SELECT DISTINCT ON (row_id) row_id, after FROM crm_importeffect
    WHERE run_id = %(run)s AND table_name = %(table)s AND row_id = ANY (%(ids)s) ORDER BY row_id, id DESC
), held AS MATERIALIZED (
    SELECT id, to_jsonb(row.*) AS now FROM {table} AS row WHERE id = ANY (%(ids)s) ORDER BY id FOR UPDATE
), compared AS (
    SELECT first.row_id, first.before, last.after, held.now,
        (SELECT jsonb_object_agg(key, value) FROM jsonb_each(first.before)
            WHERE last.after IS NOT NULL AND last.after -> key IS DISTINCT FROM value) AS back,
        (SELECT jsonb_object_agg(key, value) FROM jsonb_each(last.after)
            WHERE first.before IS NULL OR first.before -> key IS DISTINCT FROM value) AS set_by_run
    FROM first JOIN last USING (row_id) LEFT JOIN held ON held.id = first.row_id
)
SELECT row_id, before::text, now::text,
    CASE WHEN before IS NULL THEN NULL WHEN now IS NULL THEN before ELSE now || coalesce(back, '{{}}') END::text AS back,
    coalesce((SELECT string_agg(key, ', ' ORDER BY key) FROM jsonb_each(set_by_run)
        WHERE now IS NOT NULL AND now -> key IS DISTINCT FROM value), '') AS changed_since
FROM compared
ORDER BY row_id

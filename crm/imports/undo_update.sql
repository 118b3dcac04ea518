-- undo_update.sql — Grain one row per row of one table · Reads %(rows)s (JSON, whole rows) · Writes the table
-- Safe to run twice: the rows are set to what is given.
UPDATE {table} AS held SET ({columns}) = (SELECT {columns} FROM jsonb_populate_record(NULL::{table}, back.row))
FROM (SELECT value AS row, (value ->> 'id')::bigint AS id FROM jsonb_array_elements(%(rows)s::jsonb)) AS back
WHERE held.id = back.id

-- undo_delete.sql — Grain one row per row of one table that a run had deleted · Reads %(rows)s (JSON, whole rows) ·
-- Writes the table
-- Safe to run twice: a row that is there already stays as it is.
INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE
SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, %(rows)s::jsonb)
ON CONFLICT DO NOTHING

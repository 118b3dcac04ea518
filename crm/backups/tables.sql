-- tables.sql — Grain one row per table of ours, partitions left out · Reads pg_class
-- Safe to run twice: it only reads.
SELECT relname
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
ORDER BY relname

-- drop_empty_counts.sql — Grain one row per UTC day · Reads and writes crm_countedday
-- Safe to run twice: a day that nothing is counted into any more is no row.
DELETE FROM crm_countedday WHERE day = ANY (%(days)s::date[]) AND first_received_on IS NULL AND without_raw <= 0

-- seen_among.sql — Grain one row per id that was counted already · Reads crm_seen · Writes nothing
-- Safe to run twice: it only reads.
SELECT seen.key_day, seen.hash64
FROM unnest(%(days)s::date[], %(hashes)s::bigint[]) AS asked (key_day, hash64)
JOIN crm_seen AS seen USING (key_day, hash64)

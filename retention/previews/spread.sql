-- spread.sql — Grain one row: how one measure reads over the accounts that were read · Reads fresh · Writes nothing
-- Safe to run twice: it only reads.
SELECT count(*), count(values[1]), min(values[1]),
    percentile_disc(0.1) WITHIN GROUP (ORDER BY values[1]), percentile_disc(0.5) WITHIN GROUP (ORDER BY values[1]),
    percentile_disc(0.9) WITHIN GROUP (ORDER BY values[1]), max(values[1])
FROM fresh

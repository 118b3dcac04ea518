-- bins.sql — Grain one row per bin with a reading, of %(bins)s between %(least)s and %(most)s · Reads fresh · Writes nothing
-- Safe to run twice: it only reads. What lies beyond either end is counted in the bin at that end.
SELECT greatest(1, least(%(bins)s, width_bucket(values[1], %(least)s::numeric, %(most)s::numeric, %(bins)s))) AS bin, count(*)
FROM fresh
WHERE values[1] IS NOT NULL
GROUP BY 1
ORDER BY 1

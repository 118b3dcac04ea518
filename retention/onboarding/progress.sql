-- progress.sql — Grain one row per account of whose onboarding something was expected by %(day)s, with the share of it that was
-- reached, 0..1 · Reads course · Writes nothing
-- Safe to run twice: it only reads. What was due before the day counts, as everywhere; whoever is done has 1, whoever left or
-- ran out of time has what it came to. No row: no plan, or nothing was expected yet.
SELECT account_id, CASE state WHEN 'done' THEN 1 ELSE met::numeric / expected END AS found
FROM stood
WHERE expected > 0 OR state = 'done'
ORDER BY account_id

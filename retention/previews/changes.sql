-- changes.sql — Grain one row per band and ten of points, now and by the draft, with its accounts · Reads verdict,
-- retention_score_now · Writes nothing
-- Safe to run twice: it only reads. 100 points stand with the nineties.
SELECT held.band, new.band, least(held.points / 100, 9), least(new.points / 100, 9), count(*)
FROM verdict AS new
LEFT JOIN retention_score_now AS held ON held.account_id = new.account_id
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4

-- judged.sql — Grain one row per author, forecast and outcome of renewals that are settled · Reads due · Writes nothing
-- Safe to run twice: it only reads. The forecast is the one that stood %(judged)s days before the renewal.
SELECT stood_by, stood, outcome, count(*)
FROM due
WHERE outcome <> '' AND stood <> ''
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3

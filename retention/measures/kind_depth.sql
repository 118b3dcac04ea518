-- kind_depth.sql — Grain one row per account with an active person · Reads the people's windows, judged · Writes nothing
-- Safe to run twice: it only reads. Active: at least the threshold of flagged uses in 28 days, scaled to the tenure.
SELECT used.account_id, count(*) AS found
FROM /*people*/ AS used
JOIN judged ON judged.account_id = used.account_id
WHERE used.uses_/*w*/ * 28 >= /*threshold*/::bigint * least(judged.tenure, /*w*/)
GROUP BY used.account_id

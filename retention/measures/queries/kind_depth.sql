-- kind_depth.sql — Grain one row per account with an active person · Reads the people's windows, judged · Writes nothing
-- Safe to run twice: it only reads. Active: at least the threshold of flagged uses in 28 days, scaled to the tenure. Those
-- who have been here for the whole window are counted apart, because that part runs on parallel workers.
SELECT full_term.account_id, full_term.found
FROM (
    SELECT used.account_id, count(*) AS found
    FROM /*people*/ AS used
    WHERE used.uses_/*w*/ * 28 >= /*threshold*/::bigint * /*w*/ /*and only*/
    GROUP BY used.account_id
) AS full_term
JOIN judged ON judged.account_id = full_term.account_id AND judged.tenure >= /*w*/
UNION ALL
SELECT used.account_id, count(*)
FROM judged
JOIN /*people*/ AS used ON used.account_id = judged.account_id
WHERE judged.tenure < /*w*/ AND used.uses_/*w*/ * 28 >= /*threshold*/::bigint * judged.tenure
GROUP BY used.account_id

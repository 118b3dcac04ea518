-- mrr_on.sql — Grain one row per account with a paid term on %(day)s · Reads term · Writes nothing
-- Safe to run twice: it only reads. mrr null: a rate is missing for at least one line.
SELECT account_id, CASE WHEN bool_and(mrr IS NOT NULL) THEN sum(mrr) END AS mrr
FROM term
WHERE from_on <= %(day)s AND %(day)s < until_on
GROUP BY account_id

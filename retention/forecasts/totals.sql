-- totals.sql — Grain one row per month, owner, forecast and outcome of renewals · Reads due, retention_score_now · Writes nothing
-- Safe to run twice: it only reads. Sums leave out what has no rate, which is counted beside them.
SELECT date_trunc('month', due.renews_on)::date AS month, due.owner_id, due.category, due.outcome, count(*) AS renewals,
    coalesce(sum(due.mrr), 0) AS mrr, count(*) FILTER (WHERE due.mrr IS NULL) AS unpriced,
    coalesce(sum(coalesce(due.expected, due.mrr)), 0) AS expected, coalesce(sum(due.after), 0) AS after,
    count(*) FILTER (WHERE due.outcome = '' AND due.notice_on >= %(day)s AND due.notice_on <= %(day)s + %(soon)s) AS notices
FROM due LEFT JOIN retention_score_now AS score USING (account_id)
WHERE (%(band)s::int IS NULL OR coalesce(score.band, 0) = %(band)s) AND (%(category)s::text IS NULL OR due.category = %(category)s)
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4

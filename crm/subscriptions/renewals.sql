-- renewals.sql — Grain one row per account whose paid lines have a renewal day ahead of %(day)s · Reads term · Writes nothing
-- Safe to run twice: it only reads. The nearest renewal of all lines, with the notice day of that line.
SELECT DISTINCT ON (account_id) account_id, renews_on, notice_on
FROM term
WHERE from_on <= %(day)s AND %(day)s < until_on AND renews_on >= %(day)s
ORDER BY account_id, renews_on, notice_on, subscription_id

-- seats_on.sql — Grain one row per account with a paid term on %(day)s · Reads term · Writes nothing
-- Safe to run twice: it only reads. seats null: no paid line states seats.
SELECT account_id, sum(seats) AS seats
FROM term
WHERE from_on <= %(day)s AND %(day)s < until_on
GROUP BY account_id

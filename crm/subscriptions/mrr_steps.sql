-- mrr_steps.sql — Grain one row per account and day on which a term begins or ends, up to %(end)s, for accounts with such a
-- day after %(start)s · Reads term · Writes nothing
-- Safe to run twice: it only reads. Running sums give the state from that day on; mrr null: a rate is missing.
WITH touched AS (
    SELECT DISTINCT account_id FROM term
    WHERE from_on > %(start)s AND from_on <= %(end)s OR until_on > %(start)s AND until_on <= %(end)s
), edge AS (
    SELECT account_id, from_on AS day, 1 AS line, mrr, term_starts FROM term JOIN touched USING (account_id)
    UNION ALL
    SELECT account_id, until_on, -1, -mrr, FALSE FROM term JOIN touched USING (account_id)
), step AS (
    SELECT account_id, day, sum(line) AS lines, sum(coalesce(mrr, 0)) AS mrr,
        sum(CASE WHEN mrr IS NULL THEN line ELSE 0 END) AS unknown, bool_or(term_starts) AS term_starts
    FROM edge
    WHERE day <= %(end)s
    GROUP BY account_id, day
), state AS (
    SELECT account_id, day, term_starts, sum(lines) OVER past AS lines, sum(mrr) OVER past AS mrr,
        sum(unknown) OVER past AS unknown
    FROM step
    WINDOW past AS (PARTITION BY account_id ORDER BY day)
)
SELECT account_id, day, lines > 0 AS paid, CASE WHEN unknown = 0 THEN mrr END AS mrr, term_starts
FROM state
ORDER BY account_id, day

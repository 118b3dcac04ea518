-- mean_mrr.sql — Grain one row per account with a paid day in [%(start)s, %(end)s) · Reads term · Writes nothing
-- Safe to run twice: it only reads. mrr is the mean over every day of the window, days without a paid term counting 0;
-- null: a rate is missing for part of it. paid_days: days with at least one paid line.
SELECT part.account_id,
    CASE WHEN bool_and(part.mrr IS NOT NULL)
        THEN round(sum(part.mrr * (part.until_on - part.from_on)) / (%(end)s::date - %(start)s::date), 6) END AS mrr,
    (SELECT sum(upper(days) - lower(days)) FROM unnest(range_agg(daterange(part.from_on, part.until_on))) AS days) AS paid_days
FROM (
    SELECT account_id, mrr, greatest(from_on, %(start)s::date) AS from_on, least(until_on, %(end)s::date) AS until_on
    FROM term
    WHERE from_on < %(end)s AND until_on > %(start)s
) AS part
GROUP BY part.account_id

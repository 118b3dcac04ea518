-- paid_mean.sql — Grain an aggregate over one account's terms · Reads term · Writes nothing
-- Safe to run twice: it only reads. The mean MRR of a window, as mean_mrr.sql: null where a rate is missing, or nothing was paid.
CASE WHEN bool_and(mrr IS NOT NULL) FILTER (WHERE from_on < %(end)s AND until_on > %(start)s)
    THEN round(sum(mrr * (least(until_on, %(end)s::date) - greatest(from_on, %(start)s::date)))
        FILTER (WHERE from_on < %(end)s AND until_on > %(start)s) / (%(end)s::date - %(start)s::date), 6) END

-- paid_state.sql — Grain one row per account with a term · Reads term, crm_installation · Writes nothing
-- Safe to run twice: it only reads. In one pass over the terms what churned_on.sql and seats_on.sql say of %(day)s and
-- mean_mrr.sql of each window, and the plans that are paid that day; a test holds them to each other. started_on null: nothing
-- was paid by then.
SELECT term.account_id,
    min(from_on) FILTER (WHERE from_on <= reach.day) AS started_on,
    CASE WHEN max(until_on) FILTER (WHERE from_on <= reach.day) <= reach.day
        THEN max(until_on) FILTER (WHERE from_on <= reach.day) END AS churned_on,
    array_agg(DISTINCT plan_id ORDER BY plan_id)
        FILTER (WHERE from_on <= %(day)s AND %(day)s < until_on AND plan_id IS NOT NULL) AS plans,
    sum(seats) FILTER (WHERE from_on <= %(day)s AND %(day)s < until_on) AS seats/*means*/
FROM term
CROSS JOIN (
    SELECT least(%(day)s::date, (SELECT paid_through FROM crm_installation WHERE id = 1)) AS day
) AS reach
GROUP BY term.account_id, reach.day

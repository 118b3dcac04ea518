-- behind_price.sql — Grain one row per paid line and span of days in [%(start)s, %(end)s) at one price · Reads the temporary
-- table paid_term, crm_plan · Writes nothing
-- Safe to run twice: it only reads. As crm/subscriptions/mean_mrr.sql adds them up; mrr null: a rate is missing.
SELECT coalesce(plan.name, ''), greatest(term.from_on, %(start)s::date) AS from_on, least(term.until_on, %(end)s::date) AS until_on,
    term.mrr, CASE WHEN term.from_on <= %(book)s AND %(book)s < term.until_on THEN term.seats END AS seats
FROM paid_term AS term
LEFT JOIN crm_plan AS plan ON plan.id = term.plan_id
WHERE term.account_id = %(account)s AND term.from_on < greatest(%(end)s::date, %(book)s::date + 1) AND term.until_on > %(start)s
ORDER BY from_on, plan.name, term.subscription_id

-- churned_on.sql — Grain one row per account that had a paid term by %(day)s · Reads term, crm_installation · Writes nothing
-- Safe to run twice: it only reads. churned_on: the first UTC day without a paid term; null: live, or its coverage
-- ends with the data (crm_installation.paid_through), which is censored, not churn. started_on: first paid day ever.
SELECT account_id, min(from_on) AS started_on,
    CASE WHEN max(until_on) <= reach.day THEN max(until_on) END AS churned_on
FROM term
CROSS JOIN (
    SELECT least(%(day)s::date, (SELECT paid_through FROM crm_installation WHERE id = 1)) AS day
) AS reach
WHERE from_on <= reach.day
GROUP BY account_id, reach.day

-- population.sql — Grain one row per live account on %(day)s · Reads crm_account, paid_term, crm_plan, crm_plan_features ·
-- Writes the temporary table judged
-- Safe to run twice: the table lives for the transaction. Live: neither merged away nor gone by that day; an account
-- whose coverage ends with the data is still live (censored). tenure: days as a customer; price_W: what was paid for W
-- days at the mean MRR of the window, in the reporting currency, null where nothing is paid or a rate is missing.
CREATE TEMP TABLE judged ON COMMIT DROP AS
WITH paid AS (
    /*paid*/
), plan_set AS (
    SELECT plans, row_number() OVER (ORDER BY plans)::int AS id
    FROM (SELECT DISTINCT plans FROM paid WHERE plans IS NOT NULL) AS different
)
SELECT account.id AS account_id,
    %(as_of)s::date - coalesce(account.customer_since, paid.started_on, account.created_at::date) AS tenure,
    plan_set.id AS plan_set, plan_set.plans, nullif(paid.seats, 0)::numeric AS seats/*price columns*/
FROM crm_account AS account
LEFT JOIN paid ON paid.account_id = account.id
LEFT JOIN plan_set ON plan_set.plans = paid.plans
WHERE account.merged_into_id IS NULL
    AND coalesce(account.customer_since, paid.started_on, account.created_at::date) <= %(as_of)s
    AND CASE WHEN paid.started_on IS NULL THEN account.stage NOT IN ('churned', 'let_go') ELSE paid.churned_on IS NULL END
    /*only*/

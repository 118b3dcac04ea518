-- population.sql — Grain one row per live account on %(day)s · Reads crm_account, paid_term, crm_plan, crm_plan_features ·
-- Writes the temporary table judged
-- Safe to run twice: the table lives for the transaction. Live: neither merged away nor gone by that day; an account
-- whose coverage ends with the data is still live (censored). tenure: days as a customer; price_W: what was paid for W
-- days at the mean MRR of the window, in the reporting currency, null where nothing is paid or a rate is missing.
CREATE TEMP TABLE judged ON COMMIT DROP AS
WITH held AS (
    SELECT account_id, array_agg(DISTINCT plan_id ORDER BY plan_id) AS plans
    FROM paid_term
    WHERE from_on <= %(day)s AND %(day)s < until_on AND plan_id IS NOT NULL
    GROUP BY account_id
), plan_set AS (
    SELECT plans, row_number() OVER (ORDER BY plans)::int AS id FROM (SELECT DISTINCT plans FROM held) AS different
), life AS (
    /*churned_on*/
), seat AS (
    /*seats_on*/
)/*prices*/
SELECT account.id AS account_id,
    %(as_of)s::date - coalesce(account.customer_since, life.started_on, account.created_at::date) AS tenure,
    plan_set.id AS plan_set, plan_set.plans, nullif(seat.seats, 0)::numeric AS seats/*price columns*/
FROM crm_account AS account
LEFT JOIN life ON life.account_id = account.id
LEFT JOIN held ON held.account_id = account.id
LEFT JOIN plan_set ON plan_set.plans = held.plans
LEFT JOIN seat ON seat.account_id = account.id/*price joins*/
WHERE account.merged_into_id IS NULL
    AND coalesce(account.customer_since, life.started_on, account.created_at::date) <= %(as_of)s
    AND CASE WHEN life.account_id IS NULL THEN account.stage NOT IN ('churned', 'let_go') ELSE life.churned_on IS NULL END
    /*only*/

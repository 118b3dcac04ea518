-- payers.sql — Grain one row per plan that somebody pays for · Reads crm_account_figures, crm_account · Writes nothing
-- Safe to run twice: it only reads. An account with two plans counts for both.
SELECT plan_id, count(*) AS accounts
FROM crm_account_figures CROSS JOIN LATERAL unnest(plan_ids) AS plan_id
WHERE account_id IN (/*accounts*/)
GROUP BY plan_id
ORDER BY plan_id

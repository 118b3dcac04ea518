-- fill_customer_since.sql — Grain one row per account that has terms and no first day · Reads crm_subscriptionchange ·
-- Writes crm_account.customer_since
-- Safe to run twice: an account that has a first day keeps it.
UPDATE crm_account AS account SET customer_since = first.effective_on
FROM (SELECT account_id, min(effective_on) AS effective_on FROM crm_subscriptionchange GROUP BY account_id) AS first
WHERE first.account_id = account.id AND account.customer_since IS NULL

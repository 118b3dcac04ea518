-- paid_terms.sql — Grain one row per subscription and span of days with one state, as crm/subscriptions/term.sql ·
-- Reads crm_subscriptionchange through term.sql · Writes the temporary table paid_term
-- Safe to run twice: the table lives for the transaction.
CREATE TEMP TABLE paid_term ON COMMIT DROP AS
SELECT account_id, subscription_id, from_on, until_on, plan_id, seats, mrr, term_starts, renews_on, notice_on
FROM (/*term*/) AS term

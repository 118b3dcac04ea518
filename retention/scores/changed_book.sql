-- changed_book.sql — Grain one row per account whose book facts were recorded after %(since)s · Reads
-- crm_subscriptionchange, crm_account, crm_payment, crm_trait, crm_promisechange, crm_goalchange, retention_override,
-- retention_notneeded, retention_onboarding, retention_milestonereach · Writes nothing
-- Safe to run twice: it only reads, along the end of each table's recorded_at. Conversations and answers mark their accounts
-- themselves, since what is said of them is changed in its row.
SELECT account_id FROM crm_subscriptionchange WHERE recorded_at > %(since)s
UNION
SELECT id FROM crm_account WHERE created_at > %(since)s
UNION
SELECT account_id FROM crm_payment WHERE recorded_at > %(since)s
UNION
SELECT account_id FROM crm_trait WHERE recorded_at > %(since)s
UNION
SELECT account_id FROM crm_promisechange WHERE recorded_at > %(since)s
UNION
SELECT account_id FROM crm_goalchange WHERE recorded_at > %(since)s
UNION
SELECT account_id FROM retention_onboarding WHERE recorded_at > %(since)s
UNION
SELECT account_id FROM retention_milestonereach WHERE recorded_at > %(since)s
UNION
SELECT account_id FROM retention_notneeded WHERE recorded_at > %(since)s
UNION
SELECT account_id FROM retention_override WHERE recorded_at > %(since)s

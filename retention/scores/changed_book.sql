-- changed_book.sql — Grain one row per account whose book facts were recorded after %(since)s · Reads
-- crm_subscriptionchange, crm_account · Writes nothing
-- Safe to run twice: it only reads.
SELECT account_id FROM crm_subscriptionchange WHERE recorded_at > %(since)s
UNION
SELECT id FROM crm_account WHERE created_at > %(since)s

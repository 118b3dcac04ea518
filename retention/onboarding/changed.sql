-- changed.sql — Grain one row per account whose usage (the marks %(dirty)s) or book changed after %(since)s · Reads crm_account,
-- crm_subscriptionchange · Writes nothing
-- Safe to run twice: it only reads. A merged account counts as the one that took its place.
SELECT DISTINCT coalesce(merged_into_id, id) FROM crm_account
WHERE id = ANY (%(dirty)s) OR created_at > %(since)s
    OR id IN (SELECT account_id FROM crm_subscriptionchange WHERE recorded_at > %(since)s)

-- disputes.sql — Grain one row per account and dispute of a payment that a hold on asking does not follow yet: %(day)s's
-- disputes without one (begins), and holds whose dispute is settled (ends) · Reads payment troubles, crm_hold · Writes nothing
-- Safe to run twice: it only reads; once holds follow, it finds nothing.
WITH dispute AS (
    SELECT trouble.account_id, 'payment:' || trouble.payment AS subject FROM (/*troubles*/) AS trouble WHERE trouble.kind = 'disputed'
), held AS (
    SELECT account_id, subject FROM crm_hold WHERE kind = 'payment_dispute' AND (until_at IS NULL OR until_at > %(at)s)
)
SELECT account_id, subject, TRUE AS begins FROM dispute WHERE (account_id, subject) NOT IN (SELECT account_id, subject FROM held)
UNION ALL
SELECT account_id, subject, FALSE FROM held WHERE (account_id, subject) NOT IN (SELECT account_id, subject FROM dispute)
ORDER BY account_id, subject

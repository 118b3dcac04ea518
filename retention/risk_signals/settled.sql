-- settled.sql — Grain one row per open signal whose promise or payment is settled, with the reason · Reads
-- retention_risksignal, crm_promise, payment troubles · Writes nothing
-- Safe to run twice: it only reads. A promise that was moved is a promise for another day.
WITH trouble AS MATERIALIZED (SELECT payment FROM (/*troubles*/) AS open)
SELECT held.id, CASE held.kind WHEN 'payment_failed' THEN 'paid' ELSE 'settled' END AS why
FROM retention_risksignal AS held
WHERE held.closed_at IS NULL AND (
    held.kind = 'overdue_promise' AND NOT EXISTS (
        SELECT FROM crm_promise AS promise WHERE promise.state = 'open' AND held.subject = promise.id || ':' || promise.due_on
            AND promise.account_id = held.account_id)
    OR held.kind = 'payment_failed' AND NOT EXISTS (
        SELECT FROM trouble WHERE trouble.payment::text = held.subject)
)
ORDER BY held.id

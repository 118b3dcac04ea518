-- claim.sql — Grain one row per delivery claimed · Reads crm_webhook_endpoint, crm_webhook_event · Writes
-- crm_webhook_delivery
-- Safe to run twice: what is claimed is leased, and passed over until the lease is over.
-- Each endpoint gives a few of its own, and only one while it fails, so that none stands in another's way.
UPDATE crm_webhook_delivery AS mine
SET attempts = mine.attempts + 1, token = %(token)s, leased_until = %(until)s
FROM crm_webhook_endpoint AS endpoint
CROSS JOIN LATERAL (
    SELECT due.id, due.event_id FROM crm_webhook_delivery AS due
    WHERE due.endpoint_id = endpoint.id AND due.state = 'waiting' AND due.due_at <= %(at)s
        AND (due.leased_until IS NULL OR due.leased_until <= %(at)s)
    ORDER BY due.due_at, due.id
    LIMIT CASE WHEN endpoint.failing_since IS NULL THEN %(each)s ELSE 1 END
    FOR UPDATE SKIP LOCKED
) AS chosen
JOIN crm_webhook_event AS event ON event.id = chosen.event_id
WHERE mine.id = chosen.id AND endpoint.is_active AND endpoint.paused_at IS NULL AND NOT endpoint.id = ANY (%(busy)s)
RETURNING mine.id, mine.endpoint_id, mine.attempts, event.message, event.kind, event.data, event.at

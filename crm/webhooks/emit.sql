-- emit.sql — Grain one row: how many deliveries were made · Reads crm_webhook_endpoint · Writes crm_webhook_event,
-- crm_webhook_delivery
-- Safe to run twice: an event is unique by kind and subject, and only new ones are delivered.
WITH told AS (
    INSERT INTO crm_webhook_event (message, kind, subject, data, at)
    SELECT gen_random_uuid(), %(kind)s, given.key, given.value, %(at)s
    FROM jsonb_each(%(events)s::jsonb) AS given
    ORDER BY given.key
    ON CONFLICT (kind, subject) DO NOTHING
    RETURNING id
), made AS (
    INSERT INTO crm_webhook_delivery (endpoint_id, event_id, state, due_at)
    SELECT endpoint.id, told.id, 'waiting', %(at)s
    FROM told CROSS JOIN crm_webhook_endpoint AS endpoint
    WHERE endpoint.id = ANY (%(endpoints)s)
    RETURNING 1
)
SELECT count(*) FROM made

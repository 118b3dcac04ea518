-- accept.sql — Grain one inbox row per request, one statement for key and row · Reads crm_writekey · Writes crm_inbox_batch
-- Safe to run twice: the batch is stored twice and counted once, by the message ids of its events.
INSERT INTO crm_inbox_batch (received_on, received_at, source_id, call, body, events)
SELECT %(day)s, %(at)s, source_id, %(call)s, %(body)s, %(events)s
FROM crm_writekey
WHERE sha256 = %(sha256)s AND revoked_at IS NULL
RETURNING id

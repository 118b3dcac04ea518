-- oldest_waiting.sql — Grain one row, or none when nothing waits · Reads crm_inbox_batch (its index of waiting batches)
-- Safe to run twice: it only reads.
SELECT received_at
FROM crm_inbox_batch
WHERE drained_at IS NULL AND parked_at IS NULL
ORDER BY received_at, id
LIMIT 1

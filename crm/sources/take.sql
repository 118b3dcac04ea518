-- take.sql — Grain one row per inbox batch · Writes crm_inbox_batch (drained_at)
-- Safe to run twice: a batch is taken only while it waits.
UPDATE crm_inbox_batch AS batch
SET drained_at = %(at)s, failed = ''
FROM unnest(%(days)s::date[], %(ids)s::bigint[]) AS named (received_on, id)
WHERE batch.received_on = named.received_on AND batch.id = named.id
  AND batch.drained_at IS NULL AND batch.parked_at IS NULL
RETURNING batch.id

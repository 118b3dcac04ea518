-- give_back.sql — Grain one row per inbox batch · Writes crm_inbox_batch (attempts)
-- Safe to run twice: an attempt is never below none.
UPDATE crm_inbox_batch AS batch
SET attempts = greatest(batch.attempts - 1, 0)
FROM unnest(%(days)s::date[], %(ids)s::bigint[]) AS named (received_on, id)
WHERE batch.received_on = named.received_on AND batch.id = named.id
  AND batch.drained_at IS NULL

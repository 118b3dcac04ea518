-- claim.sql — Grain one row per claimed inbox batch · Reads and writes crm_inbox_batch (attempts)
-- Safe to run twice: a batch is claimed again only while it waits, and each claim counts as an attempt.
WITH waiting AS (
    SELECT received_on, id, received_at, attempts, octet_length(body) AS size, events
    FROM crm_inbox_batch
    WHERE drained_at IS NULL AND parked_at IS NULL AND NOT id = ANY(%(skip)s::bigint[])
    ORDER BY received_at, id
    LIMIT %(limit)s
), ordered AS (
    SELECT received_on, id, received_at,
           row_number() OVER so_far AS place,
           max(attempts) OVER so_far AS attempts_so_far,
           sum(size) OVER so_far AS size_so_far,
           sum(events) OVER so_far AS events_so_far
    FROM waiting
    WINDOW so_far AS (ORDER BY received_at, id)
), chosen AS (
    SELECT received_on, id FROM ordered
    WHERE place = 1
       OR (attempts_so_far = 0 AND size_so_far <= %(bytes)s AND events_so_far <= %(limit)s)
), mine AS (
    SELECT batch.received_on, batch.id
    FROM crm_inbox_batch AS batch JOIN chosen USING (received_on, id)
    WHERE batch.drained_at IS NULL AND batch.parked_at IS NULL
    ORDER BY batch.received_at, batch.id
    FOR UPDATE OF batch SKIP LOCKED
)
UPDATE crm_inbox_batch AS batch
SET attempts = batch.attempts + 1
FROM mine
WHERE batch.received_on = mine.received_on AND batch.id = mine.id
RETURNING batch.received_on, batch.id, batch.attempts, batch.received_at, batch.source_id, batch.call, batch.body

-- newest_batches.sql — Grain one row per batch of a source, newest first, as many as hold %(events)s events · Reads crm_inbox_batch
-- Safe to run twice: it only reads. Looks at two days, so that a quiet source does not read months of others' batches.
SELECT received_at, call, body
FROM (
    SELECT
        received_at,
        call,
        body,
        row_number() OVER newest AS place,
        sum(events) OVER newest - events AS before
    FROM crm_inbox_batch
    WHERE source_id = %(source)s AND received_on IN (%(day)s::date, %(day)s::date - 1)
    WINDOW newest AS (ORDER BY received_on DESC, id DESC)
) AS batch
WHERE before < %(events)s AND place <= %(events)s
ORDER BY place

-- rates.sql — Grain one row per source, by name · Reads crm_source, crm_writekey, crm_inbox_batch (two days), crm_reject (a day)
-- Safe to run twice: it only reads. Rates are events as they were accepted, before double ones were taken out.
SELECT
    source.id,
    source.name,
    greatest(source.last_received_at, received.latest) AS last_received_at,
    coalesce(keys.active, 0) AS active_keys,
    coalesce(received.minute, 0) AS minute,
    coalesce(received.hour, 0) AS hour,
    coalesce(received.day, 0) AS day,
    coalesce(refused.day, 0) AS refused
FROM crm_source AS source
LEFT JOIN (
    SELECT source_id, count(*) AS active
    FROM crm_writekey
    WHERE revoked_at IS NULL
    GROUP BY source_id
) AS keys ON keys.source_id = source.id
LEFT JOIN (
    SELECT
        source_id,
        max(received_at) AS latest,
        sum(events) FILTER (WHERE received_at > %(minute_ago)s) AS minute,
        sum(events) FILTER (WHERE received_at > %(hour_ago)s) AS hour,
        sum(events) AS day
    FROM crm_inbox_batch
    WHERE received_on >= %(first_day)s AND received_at > %(day_ago)s
    GROUP BY source_id
) AS received ON received.source_id = source.id
LEFT JOIN (
    SELECT source_id, count(*) AS day
    FROM crm_reject
    WHERE at > %(day_ago)s
    GROUP BY source_id
) AS refused ON refused.source_id = source.id
WHERE %(source)s::bigint IS NULL OR source.id = %(source)s
ORDER BY source.name, source.id

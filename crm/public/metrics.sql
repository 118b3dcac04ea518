-- metrics.sql — Grain one row per figure and what it is of · Reads crm_beat, crm_fill, crm_inbox_batch, crm_reject,
-- crm_outboundmail, crm_erasure
-- Safe to run twice: it only reads. Mails are counted in the states that partial indexes hold; all others may be millions.
SELECT 'beat_age_seconds', name, extract(epoch FROM %(at)s - at)::float8 FROM crm_beat
UNION ALL
SELECT 'stage_lag_seconds', stage, extract(epoch FROM %(at)s - through_at)::float8 FROM crm_fill
UNION ALL
SELECT 'stage_took_seconds', stage, took_ms / 1000.0 FROM crm_fill
UNION ALL
SELECT 'stage_failed', stage, (failed <> '')::int FROM crm_fill
UNION ALL
SELECT 'inbox_waiting_batches', '', count(*) FROM crm_inbox_batch WHERE drained_at IS NULL AND parked_at IS NULL
UNION ALL
SELECT 'inbox_oldest_seconds', '', coalesce(extract(epoch FROM %(at)s - min(received_at)), 0)::float8
FROM crm_inbox_batch WHERE drained_at IS NULL AND parked_at IS NULL
UNION ALL
SELECT 'inbox_parked_batches', '', count(*) FROM crm_inbox_batch WHERE drained_at IS NULL AND parked_at IS NOT NULL
UNION ALL
SELECT 'refused_events_total', '', coalesce(max(id), 0) FROM crm_reject
UNION ALL
SELECT 'mails', state, count(*) FROM crm_outboundmail
WHERE state IN ('approved', 'claimed', 'handoff') GROUP BY state
UNION ALL
SELECT 'mails', state, count(*) FROM crm_outboundmail
WHERE state IN ('failed', 'unconfirmed', 'returned') GROUP BY state
UNION ALL
SELECT 'oldest_due_mail_seconds', '', coalesce(extract(epoch FROM %(at)s - min(due_at)), 0)::float8
FROM crm_outboundmail WHERE state IN ('approved', 'claimed', 'handoff') AND due_at <= %(at)s
UNION ALL
SELECT 'erasures_unswept', '', count(*) FROM crm_erasure WHERE swept_at IS NULL
UNION ALL
SELECT 'database_bytes', '', pg_database_size(current_database())

-- since_yesterday.sql — Grain one row of counts · Reads the accounts the reader sees, signals, mails, answers, outcomes · Writes
-- nothing
-- Safe to run twice: it only reads. What happened since %(since)s, on the reader's own accounts or on all.
-- Inlined, so that each of the few things that happened looks its account up.
WITH seen AS NOT MATERIALIZED (/*accounts*/), wanted AS NOT MATERIALIZED (SELECT pk FROM seen WHERE NOT %(mine)s OR is_mine)
SELECT
    (SELECT count(*) FROM retention_risksignal JOIN wanted ON pk = account_id WHERE opened_at >= %(since)s),
    (SELECT count(*) FROM retention_risksignal JOIN wanted ON pk = account_id WHERE closed_at >= %(since)s),
    (SELECT count(*) FROM crm_outboundmail JOIN wanted ON pk = account_id WHERE state = 'sent' AND settled_at >= %(since)s),
    (SELECT count(*) FROM feedback_answer JOIN wanted ON pk = account_id
        WHERE set_aside = '' AND answered_at >= %(since)s),
    (SELECT count(*) FROM retention_outcome JOIN wanted ON pk = account_id WHERE recorded_at >= %(since)s)

-- kind_payments.sql — Grain one row per account with invoices that failed or are disputed and are not settled · Reads
-- payment troubles · Writes nothing
-- Safe to run twice: it only reads.
SELECT trouble.account_id, count(*) AS found FROM (/*troubles*/) AS trouble GROUP BY trouble.account_id

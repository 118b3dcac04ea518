-- mark_dirty.sql — Grain one row per account · Writes crm_dirtyaccount
-- Safe to run twice: the mark only rises.
INSERT INTO crm_dirtyaccount (account_id, mark)
SELECT account_id, (SELECT nextval('crm_dirty_mark'))
FROM unnest(%(accounts)s::bigint[]) AS touched (account_id)
ORDER BY account_id
ON CONFLICT (account_id) DO UPDATE SET mark = EXCLUDED.mark

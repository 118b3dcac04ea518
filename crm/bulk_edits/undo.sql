-- undo.sql — Grain one row per account of the change %(edit)s that is still as the change left it · Reads
-- crm_bulkeditrow · Writes crm_account
-- Safe to run twice: what has been given back is no longer as the change left it. The keys of before and after are
-- columns, and only these are compared and given back.
UPDATE crm_account AS account
SET (owner_id, pool_id, tags, segment, next_step, next_step_on) = (
    SELECT was.owner_id, was.pool_id, was.tags, was.segment, was.next_step, was.next_step_on
    FROM jsonb_populate_record(account, kept.before) AS was)
FROM crm_bulkeditrow AS kept
WHERE kept.edit_id = %(edit)s AND account.id = kept.account_id
    AND NOT EXISTS (
        SELECT FROM jsonb_each(kept.after) AS left_as (name, value)
        WHERE to_jsonb(account) -> left_as.name IS DISTINCT FROM left_as.value)
RETURNING account.id

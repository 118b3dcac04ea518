-- merging.sql — Grain one row: how much of %(account)s a merge would move · Reads crm_contact, crm_subscription, crm_membership,
-- retention_task, retention_followup, crm_account · Writes nothing
-- Safe to run twice: it only reads. People are those who were ever said to belong to it.
SELECT (SELECT count(*) FROM crm_contact WHERE account_id = %(account)s AND erased_at IS NULL AND merged_into_id IS NULL),
    (SELECT count(*) FROM crm_subscription WHERE account_id = %(account)s),
    (SELECT count(DISTINCT person_id) FROM crm_membership WHERE account_id = %(account)s),
    (SELECT count(*) FROM retention_task WHERE account_id = %(account)s AND done_at IS NULL AND dismissed_at IS NULL),
    (SELECT count(*) FROM retention_followup WHERE account_id = %(account)s AND state = 'draft'),
    (SELECT count(*) FROM crm_account WHERE merged_into_id = %(account)s)

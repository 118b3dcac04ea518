-- release.sql — Grain one row per waiting event · Reads and writes crm_waitingevent
-- Safe to run twice: a row leaves in the transaction that counts it.
-- Those who named an account wait for that account alone; the others for any of their person's.
DELETE FROM crm_waitingevent
WHERE (group_external_id = '' AND person_id = ANY(%(people)s::bigint[]))
   OR (group_external_id <> '' AND group_external_id = ANY(%(groups)s::text[]))
RETURNING person_id, group_external_id, event_id, at, amount, received_at

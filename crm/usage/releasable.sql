-- releasable.sql — Grain one row per person and named group whose waiting events can be counted by now
-- Reads crm_waitingevent, crm_account, crm_person, crm_membership · Safe to run twice: it only reads.
-- Accounts and memberships also come by import and by hand, without a group call.
SELECT DISTINCT NULL::bigint AS person_id, waiting.group_external_id
FROM crm_waitingevent AS waiting
JOIN crm_account AS account ON account.external_id = waiting.group_external_id
WHERE waiting.group_external_id <> ''
UNION ALL
SELECT waiting.person_id, ''
FROM (SELECT DISTINCT person_id FROM crm_waitingevent WHERE group_external_id = '') AS waiting
JOIN crm_person AS person ON person.id = waiting.person_id
WHERE EXISTS (
    SELECT FROM crm_membership AS joined JOIN crm_person AS same ON same.id = joined.person_id
    WHERE same.id = coalesce(person.same_as_id, person.id) OR same.same_as_id = coalesce(person.same_as_id, person.id)
)

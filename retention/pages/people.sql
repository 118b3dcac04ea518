-- people.sql — Grain one row per person to write to at %(account)s, at most %(limit)s, with how many there are · Reads
-- crm_contact, crm_person, crm_account · Writes nothing
-- Safe to run twice: it only reads. Those still there first, then by role in the order of %(roles)s, then who was seen last.
-- Erased people are nobody. Contacts of accounts merged into this one belong to it.
SELECT contact.id, contact.name, contact.job_title, contact.role, contact.left_on,
    (SELECT max(person.last_seen_at) FROM crm_person AS person WHERE person.contact_id = contact.id) AS seen_at,
    count(*) OVER () AS known
FROM crm_contact AS contact
WHERE contact.erased_at IS NULL AND contact.merged_into_id IS NULL AND contact.account_id = ANY (ARRAY(
    SELECT id FROM crm_account WHERE id = %(account)s OR merged_into_id = %(account)s))
ORDER BY contact.left_on NULLS FIRST, array_position(%(roles)s::text[], contact.role::text), seen_at DESC NULLS LAST, contact.id
LIMIT %(limit)s

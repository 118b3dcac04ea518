-- behind_people.sql — Grain one row per person with flagged uses in the %(days)s days before %(day)s · Reads crm_person_day,
-- crm_person, crm_contact, crm_account · Writes nothing
-- Safe to run twice: it only reads. An alias counts as the person at the end of its chain, as in window_aliases.sql.
WITH RECURSIVE counted AS (
    SELECT person_id, sum(uses) AS uses, max(day) AS last_day
    FROM crm_person_day
    WHERE account_id = ANY (ARRAY(SELECT id FROM crm_account WHERE id = %(account)s OR merged_into_id = %(account)s))
        AND day >= %(day)s::date - %(days)s::int AND day < %(day)s
    GROUP BY person_id
), chain AS (
    SELECT person_id, person_id AS stands_for FROM counted
    UNION
    SELECT chain.person_id, next.same_as_id FROM chain
    JOIN crm_person AS next ON next.id = chain.stands_for WHERE next.same_as_id IS NOT NULL
)
SELECT person.external_id, contact.id, contact.name, sum(counted.uses)::numeric AS uses, max(counted.last_day) AS last_day
FROM counted
JOIN chain USING (person_id)
JOIN crm_person AS person ON person.id = chain.stands_for AND person.same_as_id IS NULL
LEFT JOIN crm_contact AS contact ON contact.id = person.contact_id
GROUP BY person.id, contact.id
ORDER BY uses DESC, person.id

-- window_aliases.sql — Grain one row per account and person that stands for itself · Reads window_people.sql, crm_person
-- Writes nothing
-- Safe to run twice: it only reads. An alias counts as the person at the end of its chain of same_as.
WITH RECURSIVE alias AS (
    SELECT id AS person_id, same_as_id AS stands_for FROM crm_person WHERE same_as_id IS NOT NULL
    UNION
    SELECT alias.person_id, next.same_as_id FROM alias
    JOIN crm_person AS next ON next.id = alias.stands_for WHERE next.same_as_id IS NOT NULL
), last AS (
    SELECT alias.person_id, alias.stands_for FROM alias
    JOIN crm_person AS end_of ON end_of.id = alias.stands_for WHERE end_of.same_as_id IS NULL
)
SELECT counted.account_id, coalesce(last.stands_for, counted.person_id) AS person_id,
    /*sums*/
    max(counted.last_day) AS last_day
FROM (/*people*/) AS counted
LEFT JOIN last USING (person_id)
GROUP BY counted.account_id, coalesce(last.stands_for, counted.person_id)

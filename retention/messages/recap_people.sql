-- recap_people.sql — Grain one row per account of %(accounts)s with use in 56 days · Reads crm_person_day, crm_person,
-- crm_account · Writes nothing
-- Safe to run twice: it only reads. People with at least %(threshold)s flagged uses in [day − 28, day), and in the 28 days
-- before. People follow same_as, accounts merged_into.
SELECT account_id, count(*) FILTER (WHERE uses >= %(threshold)s), count(*) FILTER (WHERE before >= %(threshold)s)
FROM (
    SELECT coalesce(a.merged_into_id, a.id) AS account_id, coalesce(p.same_as_id, p.id) AS person_id,
        coalesce(sum(d.uses) FILTER (WHERE d.day >= %(day)s::date - 28), 0) AS uses,
        coalesce(sum(d.uses) FILTER (WHERE d.day < %(day)s::date - 28), 0) AS before
    FROM crm_account a
    JOIN crm_person_day d ON d.account_id = a.id AND d.day >= %(day)s::date - 56 AND d.day < %(day)s::date
    JOIN crm_person p ON p.id = d.person_id
    WHERE a.id = ANY (%(accounts)s) OR a.merged_into_id = ANY (%(accounts)s)
    GROUP BY 1, 2
) AS person
GROUP BY account_id
ORDER BY account_id

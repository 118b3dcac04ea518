-- kind_trait.sql — Grain one row per account of which the trait is known · Reads crm_trait, crm_account · Writes nothing
-- Safe to run twice: it only reads. The newest value by its own time; one that is older than its validity, and was not
-- confirmed since, does not count.
SELECT last.account_id, last.number AS found
FROM (
    SELECT DISTINCT ON (held.account_id) held.account_id, held.number, held.at, held.confirmed_at
    FROM crm_trait AS held
    WHERE held.definition_id = /*trait*/ AND held.number IS NOT NULL
        AND held.at < (%(as_of)s::date + 1)::timestamp AT TIME ZONE 'UTC' AND /*recorded crm_trait*/ /*theirs*/
    ORDER BY held.account_id, held.at DESC
) AS last
WHERE /*valid*/ = 0 OR last.at >= (%(as_of)s::date - /*valid*/)::timestamp AT TIME ZONE 'UTC'
    OR (last.confirmed_at >= (%(as_of)s::date - /*valid*/)::timestamp AT TIME ZONE 'UTC'
        AND last.confirmed_at <= coalesce(%(known)s::timestamptz, 'infinity'))

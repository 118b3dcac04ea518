-- behind_trait.sql — Grain one row per value of a trait of the account through %(day)s, the newest first, twenty at most ·
-- Reads crm_trait · Writes nothing
-- Safe to run twice: it only reads. The newest one counts while it is valid, as kind_trait.sql has it; %(valid)s 0: always.
SELECT number, (at AT TIME ZONE 'UTC')::date AS "on",
    row_number() OVER (ORDER BY at DESC) = 1 AND (%(valid)s::int = 0
        OR greatest(at, confirmed_at) >= (%(day)s::date - %(valid)s::int)::timestamp AT TIME ZONE 'UTC') AS counts
FROM crm_trait
WHERE account_id = %(account)s AND definition_id = %(trait)s AND number IS NOT NULL
    AND at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
ORDER BY at DESC
LIMIT 20

-- memberships.sql — Grain one row per asked person and group call under any of that person's ids · Reads crm_person, crm_membership
-- Safe to run twice: it only reads. Times come as seconds since 1970, which are read much faster.
SELECT asked.id, extract(epoch FROM joined.since_at)::float8, joined.account_id
FROM crm_person AS asked
JOIN LATERAL (
    SELECT root.id FROM crm_person AS root WHERE root.id = coalesce(asked.same_as_id, asked.id)
    UNION ALL
    SELECT other.id FROM crm_person AS other WHERE other.same_as_id = coalesce(asked.same_as_id, asked.id)
) AS same ON true
JOIN crm_membership AS joined ON joined.person_id = same.id
WHERE asked.id = ANY(%(people)s::bigint[])
ORDER BY asked.id, joined.since_at, joined.id

-- standing_in.sql — Grain a JSON list, for the row `account` around it: [name, until which day] of each who covers the owner or
-- the pool at %(now)s; null when nobody does · Reads crm_cover, crm_user · Writes nothing
-- Safe to run twice: it only reads. A restricted account is covered only where that was said.
SELECT jsonb_agg(jsonb_build_array(covering.name,
    (cover.until_at AT TIME ZONE coalesce(covered.time_zone, covering.time_zone))::date) ORDER BY cover.until_at, cover.id)
FROM crm_cover AS cover
JOIN crm_user AS covering ON covering.id = cover.covering_id
LEFT JOIN crm_user AS covered ON covered.id = cover.covered_id
WHERE (cover.covered_id = account.owner_id OR cover.pool_id = account.pool_id)
    AND cover.from_at <= %(now)s AND cover.until_at > %(now)s AND cover.restricted >= account.restricted

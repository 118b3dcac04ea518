-- overrides_on.sql — Grain one row per account whose band is set by hand on that day · Reads retention_override, crm_account,
-- crm_user · Writes nothing
-- Safe to run twice: it only reads. Rows recorded by the given instant (null: all). Those of accounts merged into one are its own.
SELECT last.account_id, last.id, last.band, last.reason, last."on", last.until, coalesce(person.name, '') AS who
FROM (
    SELECT DISTINCT ON (coalesce(own.merged_into_id, own.id)) coalesce(own.merged_into_id, own.id) AS account_id,
        held.id, held.band, held.reason, held."on", held.until, held.by_id
    FROM retention_override AS held JOIN crm_account AS own ON own.id = held.account_id
    WHERE held."on" <= %(day)s AND (%(known)s::timestamptz IS NULL OR held.recorded_at <= %(known)s) /*only*/
    ORDER BY coalesce(own.merged_into_id, own.id), held."on" DESC, held.id DESC
) AS last
LEFT JOIN crm_user AS person ON person.id = last.by_id
WHERE last.band IS NOT NULL AND last.until >= %(day)s

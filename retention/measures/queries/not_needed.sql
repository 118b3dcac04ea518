-- not_needed.sql — Grain one row per account and feature that it does not need on that day · Reads retention_notneeded,
-- crm_account, crm_user · Writes nothing
-- Safe to run twice: it only reads. Rows recorded by the given instant (null: all). Marks of accounts merged into one are its
-- own.
SELECT last.account_id, last.feature_id, last.reason, last."on", last.until, coalesce(person.name, '') AS who
FROM (
    SELECT DISTINCT ON (coalesce(own.merged_into_id, own.id), held.feature_id) coalesce(own.merged_into_id, own.id) AS account_id,
        held.feature_id, held.reason, held."on", held.until, held.by_id
    FROM retention_notneeded AS held JOIN crm_account AS own ON own.id = held.account_id
    WHERE held."on" <= %(day)s AND (%(known)s::timestamptz IS NULL OR held.recorded_at <= %(known)s) /*only*/
    ORDER BY coalesce(own.merged_into_id, own.id), held.feature_id, held."on" DESC, held.id DESC
) AS last
LEFT JOIN crm_user AS person ON person.id = last.by_id
WHERE last.reason <> '' AND (last.until IS NULL OR last.until >= %(day)s)

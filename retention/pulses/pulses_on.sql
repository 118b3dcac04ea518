-- pulses_on.sql — Grain one row per account with a pulse by that day: its last, whether or not it still counts · Reads
-- retention_pulse, crm_account, crm_user · Writes nothing
-- Safe to run twice: it only reads. Rows recorded by the given instant (null: all). Pulses of accounts merged into one are its own.
SELECT last.account_id, last.id, last.value, last.reason, last."on", last.valid_until, coalesce(person.name, '') AS who
FROM (
    SELECT DISTINCT ON (coalesce(own.merged_into_id, own.id)) coalesce(own.merged_into_id, own.id) AS account_id,
        held.id, held.value, held.reason, held."on", held.valid_until, held.by_id
    FROM retention_pulse AS held JOIN crm_account AS own ON own.id = held.account_id
    WHERE held."on" <= %(day)s AND (%(known)s::timestamptz IS NULL OR held.recorded_at <= %(known)s) /*only*/
    ORDER BY coalesce(own.merged_into_id, own.id), held."on" DESC, held.id DESC
) AS last
LEFT JOIN crm_user AS person ON person.id = last.by_id
WHERE last.value IS NOT NULL

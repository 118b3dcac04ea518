-- troubles.sql — Grain one row per invoice of a subscription whose money was not settled at the end of %(day)s · Reads
-- crm_payment, crm_account · Writes nothing
-- Safe to run twice: it only reads. Mirrors rules.troubles over rows recorded by %(known)s (null: all). A merged account's
-- count for the one that took its place.
SELECT coalesce(account.merged_into_id, account.id) AS account_id, row.subscription_id, row.invoice,
    CASE WHEN bool_or(row.kind = 'disputed') THEN 'disputed' ELSE 'failed' END AS kind, min(row."on") AS since,
    count(*) FILTER (WHERE row.kind = 'failed') AS failures,
    (array_agg(row.amount ORDER BY row."on" DESC, row.id DESC) FILTER (WHERE row.amount IS NOT NULL))[1] AS amount,
    (array_agg(row.currency ORDER BY row."on" DESC, row.id DESC))[1] AS currency,
    min(row.id) AS payment
FROM (
    SELECT held.*, count(*) FILTER (WHERE kind = 'settled') OVER (
            PARTITION BY subscription_id, invoice ORDER BY "on" DESC, id DESC
        ) AS settlements
    FROM crm_payment AS held
    WHERE held."on" <= %(day)s AND (%(known)s::timestamptz IS NULL OR held.recorded_at <= %(known)s) /*only*/
) AS row
JOIN crm_account AS account ON account.id = row.account_id
WHERE row.settlements = 0
GROUP BY 1, 2, 3
ORDER BY 1, since, 2, 3

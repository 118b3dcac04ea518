-- recap_features.sql — Grain one row per account of %(accounts)s and feature with use in 56 days · Reads crm_usage_day,
-- crm_eventname, crm_account · Writes nothing
-- Safe to run twice: it only reads. Uses and amounts (millionths) in [day − 28, day), and in the 28 days before.
SELECT coalesce(a.merged_into_id, a.id) AS account_id, e.feature_id,
    coalesce(sum(u.uses) FILTER (WHERE u.day >= %(day)s::date - 28), 0)::bigint,
    coalesce(sum(u.uses) FILTER (WHERE u.day < %(day)s::date - 28), 0)::bigint,
    coalesce(sum(u.amount) FILTER (WHERE u.day >= %(day)s::date - 28), 0),
    coalesce(sum(u.amount) FILTER (WHERE u.day < %(day)s::date - 28), 0)
FROM crm_account a
JOIN crm_usage_day u ON u.account_id = a.id AND u.day >= %(day)s::date - 56 AND u.day < %(day)s::date
JOIN crm_eventname e ON e.id = u.event_id AND e.feature_id IS NOT NULL
WHERE a.id = ANY (%(accounts)s) OR a.merged_into_id = ANY (%(accounts)s)
GROUP BY 1, 2
ORDER BY 1, 2

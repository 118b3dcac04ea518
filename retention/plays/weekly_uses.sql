-- weekly_uses.sql — Grain one row per account of %(accounts)s · Reads crm_usage_day, crm_eventname, crm_account · Writes nothing
-- Safe to run twice: it only reads. uses_week: flagged uses in [day − 7, day); week_before: a week's mean over the four
-- weeks [day − 56, day − 28), the window that the 28-day fall is measured against. Accounts follow merged_into.
SELECT coalesce(a.merged_into_id, a.id) AS account_id,
    coalesce(sum(u.uses) FILTER (WHERE u.day >= %(day)s::date - 7), 0)::bigint AS uses_week,
    (coalesce(sum(u.uses) FILTER (WHERE u.day < %(day)s::date - 28), 0) / 4.0)::float8 AS week_before
FROM crm_account a
JOIN crm_usage_day u ON u.account_id = a.id AND u.day >= %(day)s::date - 56 AND u.day < %(day)s::date
JOIN crm_eventname e ON e.id = u.event_id AND e.is_use
WHERE a.id = ANY (%(accounts)s) OR a.merged_into_id = ANY (%(accounts)s)
GROUP BY 1
ORDER BY 1

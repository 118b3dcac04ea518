-- events_in_totals.sql — Grain one row per asked account, feature and month in which events of the feature are counted ·
-- Reads crm_eventname, crm_usage_day · Writes nothing
-- Safe to run twice: it only reads. `first` is the first such day; monthly totals stand under names of their own.
SELECT asked.account_id, asked.feature_id, asked.month, min(held.day) AS first
FROM unnest(%(accounts)s::bigint[], %(features)s::bigint[], %(months)s::date[], %(throughs)s::date[])
    AS asked (account_id, feature_id, month, through)
JOIN crm_eventname AS event ON event.feature_id = asked.feature_id AND NOT starts_with(event.name, %(total_of)s)
JOIN crm_usage_day AS held ON held.account_id = asked.account_id AND held.event_id = event.id
    AND held.day BETWEEN asked.month AND asked.through
GROUP BY asked.account_id, asked.feature_id, asked.month

-- totals_over_events.sql — Grain at most one row: an account and month with both a total and events of one feature · Reads
-- crm_eventname, crm_monthlytotal, crm_usage_day, crm_account · Writes nothing
-- Safe to run twice: it only reads.
SELECT event.name, feature.name, account.name, total.month
FROM crm_eventname AS event
JOIN crm_feature AS feature ON feature.id = event.feature_id
JOIN crm_eventname AS spread ON spread.feature_id = feature.id AND starts_with(spread.name, %(total_of)s)
JOIN crm_monthlytotal AS total ON total.event_id = spread.id
JOIN crm_usage_day AS held ON held.account_id = total.account_id AND held.event_id = event.id
    AND held.day BETWEEN total.month AND total.through
JOIN crm_account AS account ON account.id = total.account_id
WHERE event.id = ANY (%(events)s) AND NOT starts_with(event.name, %(total_of)s)
LIMIT 1

-- recorded_later.sql — Grain one row per account with a component that was recorded after %(known)s, or happened on
-- %(day)s or later · Reads past_window_event, past_window_person, paid_term, crm_subscription, crm_subscriptionchange ·
-- Writes nothing
-- Safe to run twice: it only reads. Accounts of which nothing was recorded by then are history that was imported: what is
-- effective holds, in hindsight (definitions.md). A term comes from the changes of its line that are effective on its day.
SELECT account_id FROM past_window_event WHERE last_day >= %(day)s
UNION
SELECT account_id FROM past_window_person WHERE last_day >= %(day)s
UNION
SELECT term.account_id
FROM paid_term AS term
JOIN crm_subscription AS line ON line.id = term.subscription_id
WHERE EXISTS (
        SELECT FROM crm_subscriptionchange AS early
        WHERE early.account_id = line.account_id AND early.recorded_at <= %(known)s
    ) AND NOT EXISTS (
        SELECT FROM crm_subscriptionchange AS said
        WHERE said.subscription_id = term.subscription_id AND said.effective_on = term.from_on
            AND said.recorded_at <= %(known)s
    )
ORDER BY account_id

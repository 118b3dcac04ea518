-- term.sql — Grain one row per subscription and span of days [from_on, until_on) with one state · Reads crm_subscriptionchange,
-- crm_subscription, crm_account, crm_exchangerate, crm_installation · Writes nothing
-- Safe to run twice: it only reads. Of two rows for one day the later recorded one holds; a row that ends where it
-- begins says that nothing is paid from there on. mrr is in the reporting currency at the rate of the term's start,
-- null where no rate is known. %(known)s: only what was recorded by then; null: everything.
SELECT coalesce(account.merged_into_id, account.id) AS account_id,
    span.subscription_id, span.change_id, span.from_on, span.until_on, span.term_starts,
    coalesce(span.plan_id, line.plan_id) AS plan_id, span.seats,
    CASE WHEN span.currency = home.currency THEN span.mrr
        ELSE span.mrr * (SELECT rate.rate FROM crm_exchangerate AS rate
            WHERE rate.currency = span.currency AND rate.day <= span.from_on
            ORDER BY rate.day DESC LIMIT 1) END AS mrr,
    span.renews_on, span.notice_on, span.recorded_at
FROM (
    SELECT row.*, row.effective_on AS from_on,
        least(row.ends_on, lead(row.effective_on) OVER line, 'infinity'::date) AS until_on,
        -- A row in the middle of a term (more seats, a corrected price) does not start one.
        coalesce(least(lag(row.ends_on) OVER line, lag(row.renews_on) OVER line) <= row.effective_on,
            lag(row.change_id) OVER line IS NULL) AS term_starts
    FROM (
        SELECT DISTINCT ON (held.subscription_id, held.effective_on) held.*, held.id AS change_id
        FROM crm_subscriptionchange AS held
        WHERE (%(known)s::timestamptz IS NULL OR held.recorded_at <= %(known)s::timestamptz) /*only*/
        ORDER BY held.subscription_id, held.effective_on, held.id DESC
    ) AS row
    WINDOW line AS (PARTITION BY row.subscription_id ORDER BY row.effective_on)
) AS span
JOIN crm_subscription AS line ON line.id = span.subscription_id
JOIN crm_account AS account ON account.id = span.account_id
CROSS JOIN (SELECT coalesce((SELECT currency FROM crm_installation WHERE id = 1), 'EUR') AS currency) AS home
WHERE span.from_on < span.until_on

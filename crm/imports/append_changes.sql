-- append_changes.sql — Grain one row per term or change of the chunk that was not known · Reads %(rows)s (JSON),
-- crm_account, crm_subscription, crm_subscriptionchange · Writes crm_subscriptionchange
-- Safe to run twice: a change of the same line, day and content is there already and is not appended again.
WITH incoming AS MATERIALIZED (
    SELECT row.line, line.id AS subscription_id, row.account_id, row.effective_on, row.ends_on, row.plan_id, row.seats, row.price,
        row.billing_months, coalesce(row.currency, account.currency) AS currency, row.mrr, row.renews_on, row.notice_on
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(line bigint, account_id bigint, external_id text, plan_id bigint,
        effective_on date, ends_on date, seats integer, price numeric, billing_months smallint, currency text,
        mrr numeric, renews_on date, notice_on date)
    JOIN crm_subscription AS line ON line.account_id = row.account_id AND line.external_id = row.external_id
    JOIN crm_account AS account ON account.id = row.account_id
), appended AS (
    INSERT INTO crm_subscriptionchange (account_id, subscription_id, effective_on, ends_on, plan_id, seats, price,
        billing_months, currency, mrr, renews_on, notice_on, recorded_at)
    SELECT incoming.account_id, incoming.subscription_id, incoming.effective_on, incoming.ends_on, incoming.plan_id,
        incoming.seats, incoming.price, incoming.billing_months, incoming.currency, incoming.mrr, incoming.renews_on,
        incoming.notice_on, %(at)s
    FROM incoming
    WHERE NOT EXISTS (
        SELECT FROM crm_subscriptionchange AS held
        WHERE held.subscription_id = incoming.subscription_id AND held.effective_on = incoming.effective_on
            AND (held.plan_id, held.seats, held.price, held.billing_months, held.currency, held.renews_on, held.notice_on)
            IS NOT DISTINCT FROM (incoming.plan_id, incoming.seats, incoming.price, incoming.billing_months,
                incoming.currency, incoming.renews_on, incoming.notice_on)
            AND (held.ends_on IS NOT DISTINCT FROM incoming.ends_on
                -- Or it was ended on that day by a row of its own, which says that nothing is paid from there on.
                OR coalesce(held.ends_on, 'infinity') > incoming.ends_on AND EXISTS (
                    SELECT FROM crm_subscriptionchange AS stop
                    WHERE stop.subscription_id = held.subscription_id AND stop.effective_on = incoming.ends_on
                        AND stop.ends_on = stop.effective_on)))
    ORDER BY incoming.subscription_id, incoming.effective_on
    RETURNING id, account_id, subscription_id, effective_on
)
SELECT incoming.line, appended.id, appended.account_id
FROM appended JOIN incoming USING (subscription_id, effective_on)

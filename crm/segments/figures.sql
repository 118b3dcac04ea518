-- figures.sql — Grain one row per account that is not merged away (and, when asked so, is one of %(accounts)s) · Reads
-- crm_account, mrr_on, seats_on, renewals, term, crm_window_event, crm_eventname, crm_usage_day · Writes crm_account_figures
-- Safe to run twice: the row is replaced, and only where something differs. Use is what counts as a person's use or feeds
-- a feature; a day older than the windows is kept, and looked up once where it is not known yet.
/*facts*/,
held AS MATERIALIZED (
    SELECT account_id, array_agg(DISTINCT plan_id ORDER BY plan_id) AS plan_ids
    FROM term
    WHERE from_on <= %(day)s AND %(day)s < until_on AND plan_id IS NOT NULL
    GROUP BY account_id
), used AS MATERIALIZED (
    SELECT account_id, max(last_day) AS last_day, sum(uses_28)::bigint AS uses_28
    FROM crm_window_event
    JOIN crm_eventname AS named ON named.id = event_id AND (named.is_use OR named.feature_id IS NOT NULL)
    WHERE TRUE /*used*/
    GROUP BY account_id
)
INSERT INTO crm_account_figures AS kept
    (account_id, day, mrr, seats, renews_on, notice_on, plan_ids, last_use_on, uses_28)
SELECT account.id, %(day)s::date, mrr_on.mrr, seats_on.seats, renewals.renews_on, renewals.notice_on,
    coalesce(held.plan_ids, '{}'),
    coalesce(used.last_day, before.last_use_on, (
        SELECT max(far.day) FROM crm_usage_day AS far
        WHERE far.account_id = account.id AND far.day < %(day)s::date
            AND far.event_id IN (SELECT id FROM crm_eventname WHERE is_use OR feature_id IS NOT NULL))),
    CASE WHEN %(holds_28)s THEN coalesce(used.uses_28, 0) END
FROM crm_account AS account
LEFT JOIN mrr_on ON mrr_on.account_id = account.id
LEFT JOIN seats_on ON seats_on.account_id = account.id
LEFT JOIN renewals ON renewals.account_id = account.id
LEFT JOIN held ON held.account_id = account.id
LEFT JOIN used ON used.account_id = account.id
LEFT JOIN crm_account_figures AS before ON before.account_id = account.id
WHERE account.merged_into_id IS NULL /*only*/
ON CONFLICT (account_id) DO UPDATE
SET day = excluded.day, mrr = excluded.mrr, seats = excluded.seats, renews_on = excluded.renews_on,
    notice_on = excluded.notice_on, plan_ids = excluded.plan_ids, last_use_on = excluded.last_use_on,
    uses_28 = excluded.uses_28
WHERE (kept.mrr, kept.seats, kept.renews_on, kept.notice_on, kept.plan_ids, kept.last_use_on, kept.uses_28)
    IS DISTINCT FROM (excluded.mrr, excluded.seats, excluded.renews_on, excluded.notice_on, excluded.plan_ids,
        excluded.last_use_on, excluded.uses_28)

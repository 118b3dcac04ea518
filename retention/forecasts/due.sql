-- due.sql — Grain one row per account and day on which lines of it renew, from %(start)s up to %(end)s, as the last table of a WITH
-- list · Reads the accounts the reader sees, terms, crm_installation, retention_forecast · Writes nothing
-- Safe to run twice: it only reads. A line stands as it was just before its renewal day; one that ended before it is among
-- them, since its renewal was lost. `is_settled`: the day has come, as far as the data reach, or all its lines have ended. Afterwards
-- counts what these lines pay on the day, with lines that begin on it in their place. Mirrors forecasts/rules.py (outcome).
-- mrr is in the reporting currency; null: a rate is missing.
WITH seen AS (/*accounts*/), wanted AS MATERIALIZED (
    SELECT DISTINCT seen.pk AS account_id
    FROM crm_subscriptionchange AS change
    JOIN crm_account AS held ON held.id = change.account_id
    JOIN seen ON seen.pk = coalesce(held.merged_into_id, held.id)
    WHERE change.renews_on >= %(start)s AND change.renews_on < %(end)s
), term AS MATERIALIZED (/*term*/), line AS (
    SELECT term.*, lead(from_on) OVER own AS next_on, lag(from_on) OVER own IS NULL AS begins
    FROM term
    WINDOW own AS (PARTITION BY subscription_id ORDER BY from_on)
), reach AS (
    SELECT least(%(day)s::date, (SELECT paid_through FROM crm_installation WHERE id = 1)) AS day
), before AS (
    SELECT account_id, renews_on, min(notice_on) AS notice_on, count(*) AS lines, array_agg(subscription_id) AS line_ids,
        CASE WHEN bool_and(mrr IS NOT NULL) THEN sum(mrr) END AS mrr, bool_and(until_on <= reach.day) AS ended
    FROM line CROSS JOIN reach
    WHERE renews_on >= %(start)s AND renews_on < %(end)s AND from_on < renews_on AND coalesce(next_on >= renews_on, TRUE)
    GROUP BY account_id, renews_on
), settled AS (
    SELECT before.account_id, before.renews_on, min(before.notice_on) AS notice_on, min(before.lines) AS lines,
        min(before.mrr) AS mrr, bool_or(before.renews_on <= reach.day OR before.ended) AS is_settled,
        count(line.subscription_id) AS paid, CASE WHEN bool_and(line.mrr IS NOT NULL) THEN sum(line.mrr) END AS after
    FROM before CROSS JOIN reach
    LEFT JOIN line ON line.account_id = before.account_id AND (before.renews_on <= reach.day OR before.ended)
        AND line.from_on <= least(before.renews_on, reach.day) AND least(before.renews_on, reach.day) < line.until_on
        AND (line.subscription_id = ANY (before.line_ids) OR (line.begins AND line.from_on = before.renews_on))
    GROUP BY before.account_id, before.renews_on
), due AS (
    SELECT settled.account_id, seen.name, seen.owner_id, settled.renews_on, settled.notice_on, settled.lines, settled.mrr,
        said.id AS forecast_id, coalesce(said.category, '') AS category, said.mrr AS expected,
        stood.id AS stood_id, coalesce(stood.category, '') AS stood, stood.by_id AS stood_by, settled.after,
        CASE WHEN NOT settled.is_settled THEN ''
            WHEN settled.paid = 0 THEN 'churned'
            WHEN settled.mrr IS NULL OR settled.after IS NULL THEN 'unknown'
            WHEN settled.after = settled.mrr THEN 'renewed'
            WHEN settled.after > settled.mrr THEN 'expanded'
            ELSE 'contracted' END AS outcome
    FROM settled
    JOIN seen ON seen.pk = settled.account_id
    CROSS JOIN LATERAL (
        SELECT settled.account_id || ARRAY(SELECT id FROM crm_account WHERE merged_into_id = settled.account_id) AS ids
    ) AS held
    LEFT JOIN LATERAL (
        SELECT forecast.id, forecast.category, forecast.mrr
        FROM retention_forecast AS forecast
        WHERE forecast.account_id = ANY (held.ids) AND forecast.renews_on = settled.renews_on
        ORDER BY forecast.id DESC
        LIMIT 1
    ) AS said ON TRUE
    LEFT JOIN LATERAL (
        SELECT forecast.id, forecast.category, forecast.by_id
        FROM retention_forecast AS forecast
        WHERE settled.is_settled AND forecast.account_id = ANY (held.ids) AND forecast.renews_on = settled.renews_on
            AND forecast.at < (forecast.renews_on - %(judged)s)::timestamp AT TIME ZONE 'UTC'
        ORDER BY forecast.id DESC
        LIMIT 1
    ) AS stood ON TRUE
)

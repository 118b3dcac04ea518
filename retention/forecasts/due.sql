-- due.sql — Grain one row per account and day on which lines of it renew, from %(start)s up to %(end)s, as the last table of a WITH
-- list · Reads the accounts the reader sees, terms, crm_installation, retention_forecast · Writes nothing
-- Safe to run twice: it only reads. A line stands as it was just before its renewal day; one that ended before it is among
-- them, since its renewal was lost. `settled`: the day has come, as far as the data reach, or all its lines have ended. Afterwards
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
), afterwards AS (
    SELECT before.account_id, before.renews_on, count(line.subscription_id) AS lines,
        CASE WHEN bool_and(line.mrr IS NOT NULL) THEN sum(line.mrr) END AS mrr
    FROM before CROSS JOIN reach
    LEFT JOIN line ON line.account_id = before.account_id
        AND line.from_on <= least(before.renews_on, reach.day) AND least(before.renews_on, reach.day) < line.until_on
        AND (line.subscription_id = ANY (before.line_ids) OR (line.begins AND line.from_on = before.renews_on))
    WHERE before.renews_on <= reach.day OR before.ended
    GROUP BY before.account_id, before.renews_on
), said AS (
    SELECT DISTINCT ON (coalesce(held.merged_into_id, held.id), forecast.renews_on)
        coalesce(held.merged_into_id, held.id) AS account_id, forecast.renews_on, forecast.id, forecast.category, forecast.mrr
    FROM retention_forecast AS forecast
    JOIN crm_account AS held ON held.id = forecast.account_id
    WHERE forecast.renews_on >= %(start)s AND forecast.renews_on < %(end)s
        AND coalesce(held.merged_into_id, held.id) IN (SELECT account_id FROM wanted)
    ORDER BY coalesce(held.merged_into_id, held.id), forecast.renews_on, forecast.id DESC
), stood AS (
    SELECT DISTINCT ON (coalesce(held.merged_into_id, held.id), forecast.renews_on)
        coalesce(held.merged_into_id, held.id) AS account_id, forecast.renews_on, forecast.id, forecast.category, forecast.by_id
    FROM retention_forecast AS forecast
    JOIN crm_account AS held ON held.id = forecast.account_id
    WHERE forecast.renews_on >= %(start)s AND forecast.renews_on < least(%(end)s, %(day)s + 1)
        AND forecast.at < (forecast.renews_on - %(judged)s)::timestamp AT TIME ZONE 'UTC'
        AND coalesce(held.merged_into_id, held.id) IN (SELECT account_id FROM wanted)
    ORDER BY coalesce(held.merged_into_id, held.id), forecast.renews_on, forecast.id DESC
), due AS (
    SELECT before.account_id, seen.name, seen.owner_id, before.renews_on, before.notice_on, before.lines, before.mrr,
        said.id AS forecast_id, coalesce(said.category, '') AS category, said.mrr AS expected,
        stood.id AS stood_id, coalesce(stood.category, '') AS stood, stood.by_id AS stood_by,
        afterwards.mrr AS after, CASE
            WHEN afterwards.account_id IS NULL THEN ''
            WHEN afterwards.lines = 0 THEN 'churned'
            WHEN before.mrr IS NULL OR afterwards.mrr IS NULL THEN 'unknown'
            WHEN afterwards.mrr = before.mrr THEN 'renewed'
            WHEN afterwards.mrr > before.mrr THEN 'expanded'
            ELSE 'contracted' END AS outcome
    FROM before
    JOIN seen ON seen.pk = before.account_id
    LEFT JOIN afterwards USING (account_id, renews_on)
    LEFT JOIN said USING (account_id, renews_on)
    LEFT JOIN stood USING (account_id, renews_on)
)

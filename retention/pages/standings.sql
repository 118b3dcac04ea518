-- standings.sql — Grain one row per account, at most %(limit)s of them, in the order that the list is asked for · Reads the
-- accounts the reader sees, retention_score_now, crm_account_figures, crm_subscriptionchange, retention_pulse,
-- retention_scorecardmeasure ·
-- Writes nothing
-- Safe to run twice: it only reads. Two parts in the order of the list: accounts that have what it is sorted by, then those
-- that have not. The second runs only when the first has not filled the page; of each only a page's worth is read, along an
-- index. What is paid is worked out anew for the page's accounts alone. Single values are looked up rather than joined: as
-- joins, planning their order takes longer than reading them; and of columns that are not shown, not even that is planned.
WITH first AS (
    /*first*/
), second AS (
    -- The question stands outside, so that not even parallel workers are started in vain.
    SELECT * FROM (
    /*second*/
    ) AS rest WHERE (SELECT count(*) FROM first) < %(limit)s
), page AS MATERIALIZED (
    SELECT * FROM first UNION ALL SELECT * FROM second
    ORDER BY /*order*/
    LIMIT %(limit)s
), /*facts*/
SELECT page.part, /*keys*/, page.pk, page.name, page.external_id, page.next_step, page.next_step_on, page.stage, page.segment,
    page.tags, page.customer_since, page.may_write,
    coalesce((SELECT name FROM crm_user WHERE id = page.owner_id), (SELECT name FROM crm_team WHERE id = page.pool_id), ''),
    now.points, coalesce(now.band, 0), now.computed_band, now.change,
    coalesce((SELECT name FROM retention_scorecardmeasure WHERE version_id = now.version_id AND position = now.costliest), ''),
    mrr_on.account_id IS NOT NULL, mrr_on.mrr, (SELECT renews_on FROM renewals WHERE account_id = page.pk),
    CASE WHEN %(shows_seats)s THEN (SELECT seats FROM seats_on WHERE account_id = page.pk) END,
    CASE WHEN %(shows_plan)s THEN
        (SELECT string_agg(DISTINCT plan.name, ', ') FROM term JOIN crm_plan AS plan ON plan.id = term.plan_id
        WHERE term.account_id = page.pk AND term.from_on <= %(day)s AND %(day)s < term.until_on) END,
    CASE WHEN %(shows_last_use)s THEN (SELECT last_use_on FROM crm_account_figures WHERE account_id = page.pk) END,
    CASE WHEN %(shows_uses)s THEN (SELECT uses_28 FROM crm_account_figures WHERE account_id = page.pk) END,
    /*pulse*/
FROM page
LEFT JOIN retention_score_now AS now ON now.account_id = page.pk
LEFT JOIN mrr_on ON mrr_on.account_id = page.pk
/*pulses*/
ORDER BY /*order*/

-- standings.sql — Grain one row per account, at most %(limit)s of them, worst score first, unknown and then never judged ones
-- last · Reads the accounts the reader sees, retention_score_now, retention_scorecardmeasure · Writes nothing
-- Safe to run twice: it only reads. Three parts in the order of the list; a part runs only when those before it have not
-- filled the page, and of each only a page's worth is read, along an index.
WITH known AS (
    SELECT 0 AS part, account.*, now.points, now.band, now.change, now.version_id, now.costliest
    FROM retention_score_now AS now
    JOIN (/*accounts*/) AS account ON account.pk = now.account_id
    WHERE now.points IS NOT NULL /*band*/ /*known from*/
    ORDER BY now.points /*way*/, now.account_id /*way*/
    LIMIT %(limit)s
), unknown AS (
    SELECT 1 AS part, account.*, now.points, now.band, now.change, now.version_id, now.costliest
    FROM retention_score_now AS now
    JOIN (/*accounts*/) AS account ON account.pk = now.account_id
    WHERE now.points IS NULL /*band*/ /*unknown from*/
        AND (SELECT count(*) FROM /*before unknown*/) < %(limit)s
    ORDER BY now.account_id /*way*/
    LIMIT %(limit)s
), never AS (
    SELECT 2 AS part, account.*, NULL::smallint AS points, 0::smallint AS band, NULL::smallint AS change,
        NULL::integer AS version_id, NULL::smallint AS costliest
    FROM (/*accounts*/) AS account
    WHERE NOT EXISTS (SELECT FROM retention_score_now AS now WHERE now.account_id = account.pk) /*never band*/ /*never from*/
        AND (SELECT count(*) FROM /*before never*/) < %(limit)s
    ORDER BY account.pk /*way*/
    LIMIT %(limit)s
), page AS (
    SELECT * FROM known UNION ALL SELECT * FROM unknown UNION ALL SELECT * FROM never
    ORDER BY part /*way*/, points /*way*/, pk /*way*/
    LIMIT %(limit)s
)
SELECT page.part, page.pk, page.name, coalesce(owner.name, team.name), page.next_step, page.next_step_on, page.points, page.band, page.change,
    measure.name AS costliest
FROM page
LEFT JOIN crm_user AS owner ON owner.id = page.owner_id
LEFT JOIN crm_team AS team ON team.id = page.pool_id
LEFT JOIN retention_scorecardmeasure AS measure
    ON measure.version_id = page.version_id AND measure.position = page.costliest
ORDER BY page.part /*way*/, page.points /*way*/, page.pk /*way*/

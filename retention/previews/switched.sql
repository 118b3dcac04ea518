-- switched.sql — Grain one row per account that another scorecard would judge, those first that change their band, at most
-- %(limit)s · Reads the accounts the reader sees, switching, retention_score_now, retention_scorecard · Writes nothing
-- Safe to run twice: it only reads. A band that is set by hand would stay, so the computed ones are compared.
SELECT account.id, account.name, was.name AS was, becomes.name AS becomes, coalesce(held.computed_band, held.band) AS band,
    held.points, switching.band AS would, switching.points AS would_points,
    count(*) OVER () AS accounts,
    count(*) FILTER (WHERE coalesce(held.computed_band, held.band) IS DISTINCT FROM switching.band) OVER () AS banded
FROM switching
JOIN (/*accounts*/) AS account ON account.id = switching.account_id
JOIN retention_scorecard AS was ON was.id = switching.was
JOIN retention_scorecard AS becomes ON becomes.id = switching.becomes
LEFT JOIN retention_score_now AS held ON held.account_id = switching.account_id
ORDER BY coalesce(held.computed_band, held.band) IS NOT DISTINCT FROM switching.band, account.id
LIMIT %(limit)s

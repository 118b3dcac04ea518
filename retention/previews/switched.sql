-- switched.sql — Grain one row per account that another scorecard would judge, or that stays and ranks into another band;
-- those first that change their band, at most %(limit)s after %(after)s, of whom stays only where %(staying)s · Reads the
-- accounts the reader sees, switching, retention_score_now, retention_scorecard · Writes nothing
-- Safe to run twice: it only reads. A band that is set by hand would stay, so the computed ones are compared.
WITH found AS (
    SELECT account.id, account.name, was.name AS was, becomes.name AS becomes, coalesce(held.computed_band, held.band) AS band,
        held.points, coalesce(switching.band, 0) AS would, switching.points AS would_points, was.id = becomes.id AS stays,
        coalesce(held.computed_band, held.band) IS NOT DISTINCT FROM coalesce(switching.band, 0) AS alike
    FROM switching
    JOIN (/*accounts*/) AS account ON account.id = switching.account_id
    JOIN retention_scorecard AS was ON was.id = switching.was
    JOIN retention_scorecard AS becomes ON becomes.id = switching.becomes
    LEFT JOIN retention_score_now AS held ON held.account_id = switching.account_id
), counted AS (
    SELECT count(*) FILTER (WHERE NOT stays) AS accounts, count(*) FILTER (WHERE NOT alike) AS banded,
        count(*) FILTER (WHERE stays) AS staying
    FROM found
)
SELECT found.*, counted.*
FROM found CROSS JOIN counted
WHERE (stays OR NOT %(staying)s) AND (alike, id) > (%(after)s < 0, abs(%(after)s))
ORDER BY alike, id
LIMIT %(limit)s

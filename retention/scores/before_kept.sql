-- before_kept.sql — Grain at most one row: what before.sql says, as it was said first on the day · Reads retention_score_now,
-- the score compared with (before.sql) · Writes nothing
-- Safe to run twice: it only reads. Within a day the comparison stays.
SELECT kept.points_before AS points, kept.before_on AS day FROM retention_score_now AS kept
WHERE kept.account_id = new.account_id AND kept.day = %(day)s AND kept.version_id = %(version)s
UNION ALL
SELECT compared.points, compared.day FROM (/*before*/) AS compared
WHERE NOT EXISTS (
    SELECT FROM retention_score_now AS kept
    WHERE kept.account_id = new.account_id AND kept.day = %(day)s AND kept.version_id = %(version)s
)

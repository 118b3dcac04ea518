-- staying.sql — Grain one row per account that stays with version %(version)s and whose band changes as it ranks among
-- others · Reads verdict, switching, retention_score_reading, retention_scorecardversion, retention_score_now · Writes the
-- temporary table switching
-- Safe to run twice: whoever is in the table already is left out.
INSERT INTO switching (account_id, left_id, was, version_id, becomes, band, points)
SELECT account_id, version.id, version.scorecard_id, version.id, version.scorecard_id, verdict.band, verdict.points
FROM verdict
JOIN retention_score_reading AS reading USING (account_id)
JOIN retention_scorecardversion AS version ON version.id = reading.version_id
JOIN retention_score_now AS held USING (account_id)
WHERE version.id = %(version)s AND coalesce(held.computed_band, held.band) <> verdict.band
    AND account_id NOT IN (SELECT account_id FROM switching)

-- switching.sql — Grain one row per live account that another scorecard would judge than does now · Reads assigned,
-- retention_score_reading, retention_scorecardversion · Writes the temporary table switching
-- Safe to run twice: the table lives for the transaction.
CREATE TEMP TABLE switching ON COMMIT DROP AS
SELECT assigned.account_id, held.version_id AS left_id, was.scorecard_id AS was, becomes.id AS version_id,
    becomes.scorecard_id AS becomes, NULL::smallint AS band, NULL::smallint AS points
FROM assigned
JOIN retention_score_reading AS held USING (account_id)
JOIN retention_scorecardversion AS was ON was.id = held.version_id
JOIN retention_scorecardversion AS becomes ON becomes.id = assigned.version_id
WHERE was.scorecard_id <> becomes.scorecard_id

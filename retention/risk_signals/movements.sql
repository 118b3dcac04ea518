-- movements.sql — Grain one row per live account and kind of signal that its score opens, on the day of score_now ·
-- Reads retention_score_now, retention_scorecardversion, crm_account · Writes nothing
-- Safe to run twice: it only reads. Only transitions: both scores are of the same version and ranked among the
-- same, so that no switch of scorecards opens anything. Mirrors risk_signals/rules.py (fell, turned_red). `since`: what it
-- is compared with is younger than 28 days.
SELECT s.account_id, k.kind, s.points, s.points_before, CASE WHEN s.before_on > s.day - 28 THEN s.before_on END AS since, s.day,
    s.version_id, v.at_risk_from * 10 AS red_limit, m.name
FROM retention_score_now s
JOIN retention_scorecardversion v ON v.id = s.version_id
JOIN crm_account a ON a.id = s.account_id
LEFT JOIN retention_scorecardmeasure m ON m.version_id = s.version_id AND m.position = s.costliest
CROSS JOIN LATERAL (VALUES
    ('score_drop', s.points_before - s.points >= %(drop)s),
    ('band_red', s.points < v.at_risk_from * 10 AND s.points_before >= v.at_risk_from * 10)
) AS k (kind, opens)
WHERE k.opens AND s.points IS NOT NULL AND s.points_before IS NOT NULL
    AND a.merged_into_id IS NULL AND a.stage NOT IN ('churned', 'let_go')
ORDER BY s.account_id, k.kind

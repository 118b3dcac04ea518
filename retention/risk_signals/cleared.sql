-- cleared.sql — Grain one row per open score signal that has cleared, with the reason · Reads retention_risksignal,
-- retention_score_now, retention_scorecardversion, crm_account · Writes nothing
-- Safe to run twice: it only reads. Mirrors risk_signals/rules.py (fall_cleared, red_cleared): limit plus hysteresis,
-- against the points from which the signal was opened, not against a base that moves along. Under another version than
-- the signal's those points say nothing: a fall is then over when the new version has compared and sees none, and red
-- when the new version does not see it, which is not called a recovery.
SELECT g.id,
    CASE WHEN a.stage IN ('churned', 'let_go') THEN 'left'
        WHEN a.merged_into_id IS NOT NULL THEN 'merged'
        WHEN s.version_id IS DISTINCT FROM g.score_version THEN 'rejudged'
        ELSE 'recovered' END AS why
FROM retention_risksignal g
JOIN crm_account a ON a.id = g.account_id
LEFT JOIN retention_score_now s ON s.account_id = g.account_id
LEFT JOIN retention_scorecardversion v ON v.id = s.version_id
WHERE g.closed_at IS NULL AND (
    a.stage IN ('churned', 'let_go')
    OR a.merged_into_id IS NOT NULL
    OR (g.kind = 'score_drop' AND s.points >= CASE WHEN s.version_id IS NOT DISTINCT FROM g.score_version
        THEN (g.evidence ->> 'before')::int ELSE s.points_before END - %(drop)s + %(hysteresis)s)
    OR (g.kind = 'band_red' AND s.points >= v.at_risk_from * 10 + %(hysteresis)s)
)
ORDER BY g.id

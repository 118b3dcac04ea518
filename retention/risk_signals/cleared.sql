-- cleared.sql — Grain one row per open score signal that has cleared, with the reason · Reads retention_risksignal,
-- retention_score_now, retention_scorecardversion, retention_switch, crm_account · Writes nothing
-- Safe to run twice: it only reads. Mirrors risk_signals/rules.py (fall_cleared, red_cleared): limit plus hysteresis,
-- against the points from which the signal was opened, not against a base that moves along. Under another version than
-- the signal's, or among others than it was ranked among, those points say nothing: a fall is then over when 28 days
-- were compared since and show none, and red when it is not seen any more, which is not called a recovery.
SELECT g.id,
    CASE WHEN a.stage IN ('churned', 'let_go') THEN 'left'
        WHEN a.merged_into_id IS NOT NULL THEN 'merged'
        WHEN NOT alike.is_so THEN 'rejudged'
        ELSE 'recovered' END AS why
FROM retention_risksignal g
JOIN crm_account a ON a.id = g.account_id
LEFT JOIN retention_score_now s ON s.account_id = g.account_id
LEFT JOIN retention_scorecardversion v ON v.id = s.version_id
CROSS JOIN LATERAL (
    SELECT s.version_id IS NOT DISTINCT FROM g.score_version AND NOT EXISTS (
        SELECT FROM retention_switch WHERE version_id = s.version_id AND day >= g.score_day) AS is_so
) AS alike
WHERE g.closed_at IS NULL AND (
    a.stage IN ('churned', 'let_go')
    OR a.merged_into_id IS NOT NULL
    OR (g.kind = 'score_drop' AND s.points >= CASE WHEN alike.is_so THEN (g.evidence ->> 'before')::int
        WHEN s.before_on <= s.day - 28 THEN s.points_before END - %(drop)s + %(hysteresis)s)
    OR (g.kind = 'band_red' AND s.points >= v.at_risk_from * 10 + %(hysteresis)s)
)
ORDER BY g.id

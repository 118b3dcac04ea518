-- starts.sql — Grain one row per (playbook, account) that enters now, with the signal that starts it · Reads
-- retention_risksignal, retention_playbook, retention_play, crm_account · Writes nothing
-- Safe to run twice: a running play, a re-entry pause and a signal that had its play keep the pair out. Of two open
-- signals the earlier one is named as the reason.
SELECT DISTINCT ON (b.id, g.account_id)
    b.id AS playbook_id, g.account_id, g.id AS signal_id,
    1 + coalesce((SELECT max(p.entry) FROM retention_play p WHERE p.playbook_id = b.id AND p.account_id = g.account_id), 0)
FROM retention_risksignal g
JOIN retention_playbook b ON b.is_on AND g.kind = ANY (b.triggers)
JOIN crm_account a ON a.id = g.account_id AND a.merged_into_id IS NULL AND a.stage NOT IN ('churned', 'let_go')
WHERE g.closed_at IS NULL
    AND (g.snoozed_until IS NULL OR g.snoozed_until <= %(day)s)
    AND NOT EXISTS (
        SELECT 1 FROM retention_play p
        WHERE p.playbook_id = b.id AND p.account_id = g.account_id AND (
            p.ended_at IS NULL
            OR p.risk_signal_id = g.id
            OR p.started_at > %(at)s - make_interval(days => b.reentry_days)
        )
    )
ORDER BY b.id, g.account_id, g.opened_at, g.id

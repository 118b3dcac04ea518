-- stuck.sql — Grain one row per account whose onboarding has got stuck and has no signal (named by the day on which it did), and
-- per open signal of one that is no longer stuck (named by the reason) · Reads onboardings as they stand, retention_risksignal
-- · Writes nothing
-- Safe to run twice: it only reads; what has a signal, open or closed, is left out. Transitions only: who has been stuck for more
-- than %(fresh)s days, as in a file taken over, opens nothing. Getting stuck again is another day, and so another signal.
WITH held AS MATERIALIZED (SELECT * FROM (/*onboarding*/) AS stood)
SELECT account_id, NULL::bigint AS signal_id, stuck_since::text AS name, jsonb_build_object('plan', plan, 'milestone', next_name,
    'due_on', next_due_on, 'last_on', last_on, 'reached', reached, 'steps', steps)::text AS evidence
FROM held
WHERE stuck_since >= %(day)s::date - %(fresh)s AND NOT EXISTS (
    SELECT FROM retention_risksignal AS known WHERE known.account_id = held.account_id AND known.kind = 'onboarding_stuck'
        AND (known.closed_at IS NULL OR known.subject = held.stuck_since::text))
UNION ALL
SELECT known.account_id, known.id, CASE WHEN held.state IN ('done', 'on_track', 'behind') THEN 'going' ELSE 'over' END, NULL
FROM retention_risksignal AS known LEFT JOIN held USING (account_id)
WHERE known.kind = 'onboarding_stuck' AND known.closed_at IS NULL AND held.stuck_since IS NULL
ORDER BY account_id, signal_id

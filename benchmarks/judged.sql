-- judged.sql — Grain what a book of this size has waiting: one onboarding an account, signals, tasks and drafts ·
-- Reads crm_account, crm_contact, crm_feature · Writes retention_onboardingplan, retention_onboardingversion,
-- retention_milestone, retention_onboarding, retention_milestonereach, retention_risksignal, retention_task, retention_followup
-- Safe to run twice: no; it fills an empty book. Accounts began over five years, each step is reached by fewer than the one
-- before it; an onboarding is over after 90 days. Of 100 accounts ten have an open signal, five a task that is due and two a draft.
CREATE FUNCTION pg_temp.u(n bigint, salt int) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT (hashint8extended(n, salt) & 1048575) / 1048576.0 $$;
INSERT INTO retention_onboardingplan (id, name, is_active, changed_at) VALUES (1, 'First weeks', TRUE, %(now)s);
INSERT INTO retention_onboardingversion (id, plan_id, number, starts_from, lasts_days, stuck_days, recorded_at)
    VALUES (1, 1, 1, '2010-01-01', 90, 14, %(now)s);
INSERT INTO retention_milestone (id, version_id, position, key, name, kind, feature_id, amount, expected_days, is_value)
    SELECT n, 1, n, 'step-' || n, 'Step ' || n, CASE n WHEN 5 THEN 'hand' ELSE 'first_use' END,
        CASE WHEN n < 5 THEN n END, NULL, (ARRAY[7, 14, 21, 30, 60])[n], n = 3
    FROM generate_series(1, 5) AS n;
INSERT INTO retention_onboarding (account_id, version_id, started_on, is_by_hand, recorded_at)
    SELECT id, 1, (%(now)s)::date - (pg_temp.u(id, 21) * 1825)::int, FALSE, %(now)s FROM crm_account;
INSERT INTO retention_milestonereach (account_id, milestone_id, "on", is_by_hand, recorded_at)
    SELECT account_id, milestone, "on", FALSE, "on"
    FROM (
        SELECT account_id, milestone, started_on + (pg_temp.u(account_id * 8 + milestone, 22) * 18 * milestone)::int AS "on"
        FROM retention_onboarding, generate_series(1, 5) AS milestone
        WHERE pg_temp.u(account_id, 23) < 1 - milestone * .12
    ) AS made
    WHERE "on" < (%(now)s)::date;
INSERT INTO retention_risksignal (account_id, kind, subject, opened_at, updated_at, closed_at, closed_why, evidence)
    SELECT id, CASE WHEN id %% 3 = 0 THEN 'band_red' ELSE 'score_drop' END, '', opened_at, opened_at,
        CASE WHEN turn > 1 THEN opened_at + interval '5 days' END, '', '{"before": 700, "now": 400, "points": 400, "day": "2026-11-21"}'
    FROM crm_account, generate_series(1, 3) AS turn
    CROSS JOIN LATERAL (
        SELECT %(now)s - pg_temp.u(id * 4 + turn, 24) * interval '27 days' - (turn - 1) * interval '200 days' AS opened_at
    ) AS dated
    WHERE pg_temp.u(id, 25) < .1;
INSERT INTO retention_task (account_id, title, detail, assignee_id, due_on, created_at, dismissed_why)
    SELECT id, 'Call them', '', owner_id, (%(now)s)::date - (id %% 9)::int, %(now)s - interval '10 days', '' FROM crm_account
    WHERE pg_temp.u(id, 26) < .05;
INSERT INTO retention_followup (account_id, contact_id, occurrence_on, owner_id, subject, body, language, why, facts, facts_day, state,
        state_why, revision, created_at)
    SELECT account.id, (SELECT min(id) FROM crm_contact WHERE account_id = account.id), (%(now)s)::date, owner_id, 'Your export',
        'Hello', 'en', 'Use fell by half.', '{}', (%(now)s)::date, 'draft', '', 1, %(now)s - pg_temp.u(id, 27) * interval '6 days'
    FROM crm_account AS account
    WHERE pg_temp.u(id, 28) < .02 AND owner_id IS NOT NULL;
SELECT setval(pg_get_serial_sequence('retention_onboardingplan', 'id'), 10), setval(pg_get_serial_sequence('retention_onboardingversion', 'id'), 10),
    setval(pg_get_serial_sequence('retention_milestone', 'id'), 10);

-- standing.sql — Grain one row per account in an onboarding, as it stood at the end of %(day)s · Reads course · Writes nothing
-- Safe to run twice: it only reads.
SELECT account_id, plan_id, plan, started_on, seen_on, last_day, churned_on, steps, reached, expected, met, late, state, last_on,
    value_on, next_id, next_name, next_kind, next_due_on, CASE state WHEN 'stuck' THEN halted_on END AS stuck_since
FROM stood
ORDER BY account_id

-- note_outcomes.sql — Grain one row per staged row · Reads what a trial found · Writes crm_uploadrow
-- Safe to run twice: what was found replaces what stood there.
UPDATE crm_uploadrow AS staged SET outcome = found.outcome, reason = found.reason, said = found.said::jsonb, changes = found.changes::jsonb,
    number = found.number, cells = CASE WHEN found.gone THEN '{}' ELSE staged.cells END
FROM unnest(%(ids)s::bigint[], %(outcomes)s::text[], %(reasons)s::text[], %(said)s::text[], %(changes)s::text[], %(numbers)s::int[],
    %(gone)s::boolean[]) AS found (id, outcome, reason, said, changes, number, gone)
WHERE staged.id = found.id

-- admit_guess.sql — Grain one row per key · Reads and writes crm_guesses
-- One statement decides and counts, so that guesses at the same moment cannot pass together: a conflict waits for the
-- row and looks at it anew. A row comes back for an admitted guess only; one that is refused leaves no mark.
-- Safe to run twice: no; each run is one guess.
INSERT INTO crm_guesses AS kept (key, tried_at, last_at)
VALUES (%(key)s, ARRAY[%(at)s]::timestamptz[], %(at)s)
ON CONFLICT (key) DO UPDATE SET
    tried_at = ARRAY(SELECT t FROM unnest(kept.tried_at) AS t WHERE t > %(since)s ORDER BY t) || EXCLUDED.tried_at,
    last_at = EXCLUDED.last_at
WHERE (SELECT count(*) FROM unnest(kept.tried_at) AS t WHERE t > %(since)s) < %(limit)s
RETURNING 1

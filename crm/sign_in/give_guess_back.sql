-- give_guess_back.sql — Grain one row per key · Reads and writes crm_guesses
-- A right password was no guess. One of the tries of that instant is taken away, not all of them.
-- Safe to run twice: no; each run gives one guess back.
UPDATE crm_guesses
SET tried_at = tried_at[:array_position(tried_at, %(at)s::timestamptz) - 1]
    || tried_at[array_position(tried_at, %(at)s::timestamptz) + 1:]
WHERE key = %(key)s AND array_position(tried_at, %(at)s::timestamptz) IS NOT NULL

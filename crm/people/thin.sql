-- thin.sql — Grain one row per membership that says what the one before it says · Writes crm_membership
-- Safe to run twice: what is left repeats nothing. Only people with a group call in the day before the limit are looked at.
DELETE FROM crm_membership
WHERE id IN (
    SELECT id
    FROM (
        SELECT id, since_at, account_id,
               lag(account_id) OVER (PARTITION BY person_id ORDER BY since_at, id) AS account_before
        FROM crm_membership
        WHERE person_id IN (
            SELECT person_id FROM crm_membership
            WHERE since_at < %(before)s AND since_at >= %(before)s - interval '1 day'
        )
    ) AS joined
    WHERE since_at < %(before)s AND account_id = account_before
)

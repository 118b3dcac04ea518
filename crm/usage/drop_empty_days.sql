-- drop_empty_days.sql — Grain one row per account, UTC day and event name (or person) · Reads staged_usage,
-- staged_people · Writes crm_usage_day, crm_person_day
-- Safe to run twice: a day on which nothing is left is no row, as if nothing had ever been counted.
WITH emptied AS (
    DELETE FROM crm_usage_day AS held USING staged_usage AS staged
    WHERE held.account_id = staged.account_id AND held.day = staged.day AND held.event_id = staged.event_id
        AND held.uses <= 0 AND held.amount = 0
)
DELETE FROM crm_person_day AS held USING staged_people AS staged
WHERE held.account_id = staged.account_id AND held.day = staged.day AND held.person_id = staged.person_id
    AND held.uses <= 0

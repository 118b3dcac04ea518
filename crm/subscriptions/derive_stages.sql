-- derive_stages.sql — Grain one row: how many accounts (churned, returned) · Reads churned_on, crm_account · Writes crm_account.stage
-- Safe to run twice: the second run finds nothing to change.
WITH coverage AS (/*coverage*/), moved AS (
    UPDATE crm_account AS account
    SET stage = CASE WHEN coverage.churned_on IS NULL THEN 'live' ELSE 'churned' END
    FROM coverage
    WHERE coverage.account_id = account.id AND CASE WHEN coverage.churned_on IS NULL
        THEN account.stage = 'churned' ELSE account.stage IN ('live', 'onboarding') END
    RETURNING account.stage
)
SELECT count(*) FILTER (WHERE stage = 'churned'), count(*) FILTER (WHERE stage = 'live') FROM moved

-- derive_stages.sql — Grain one row per account that churned (with the day) or returned (without) · Reads churned_on, crm_account · Writes crm_account.stage
-- Safe to run twice: the second run finds nothing to change.
WITH coverage AS (/*coverage*/), moved AS (
    UPDATE crm_account AS account
    SET stage = CASE WHEN coverage.churned_on IS NULL THEN 'live' ELSE 'churned' END
    FROM coverage
    WHERE coverage.account_id = account.id AND CASE WHEN coverage.churned_on IS NULL
        THEN account.stage = 'churned' ELSE account.stage IN ('live', 'onboarding') END
    RETURNING account.id, account.external_id, account.stage, coverage.churned_on
)
SELECT id, external_id, churned_on FROM moved ORDER BY id

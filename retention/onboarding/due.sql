-- due.sql — Grain one row per account whose onboarding may stand otherwise than is recorded · Reads retention_onboarding,
-- retention_onboardingversion, crm_account · Writes nothing
-- Safe to run twice: it only reads. Those that are not over for more than %(settles)s days.
SELECT held.account_id
FROM (
    SELECT DISTINCT ON (account_id) account_id, version_id, started_on
    FROM retention_onboarding
    WHERE account_id IN (SELECT account_id FROM retention_onboarding WHERE started_on >= %(day)s::date - 365 - %(settles)s) /*only*/
    ORDER BY account_id, id DESC
) AS held
JOIN retention_onboardingversion AS version ON version.id = held.version_id
JOIN crm_account AS account ON account.id = held.account_id AND account.merged_into_id IS NULL
WHERE held.started_on + version.lasts_days + %(settles)s >= %(day)s
ORDER BY held.account_id

-- enrol.sql — Grain one row per account whose onboarding begins, or began otherwise than was thought · Reads crm_account,
-- crm_subscription, crm_subscriptionchange, retention_onboarding, retention_onboardingversion, retention_onboardingplan and
-- its plans · Writes retention_onboarding
-- Safe to run twice: whoever stands as it would be said keeps its row. An account begins on its first day as a customer,
-- else with its first paid term. An edition for the plan that it began with comes before one for all; of one plan's
-- editions the last holds that was for accounts beginning then.
WITH edition AS (
    SELECT version.id, version.plan_id, version.starts_from, version.number,
        ARRAY(SELECT plan_id FROM retention_onboardingplan_plans WHERE onboardingplan_id = version.plan_id) AS plans
    FROM retention_onboardingversion AS version
    JOIN retention_onboardingplan AS plan ON plan.id = version.plan_id
    WHERE plan.is_active
), wanted AS (
    SELECT account.id AS account_id, coalesce(account.customer_since, term.effective_on) AS started_on, term.plan_id,
        held.version_id AS held_version, held.started_on AS held_start, held.began_with_id
    FROM crm_account AS account
    LEFT JOIN LATERAL (
        SELECT version_id, started_on, began_with_id, is_by_hand FROM retention_onboarding
        WHERE account_id = account.id ORDER BY id DESC LIMIT 1
    ) AS held ON true
    LEFT JOIN LATERAL (
        SELECT change.effective_on, coalesce(change.plan_id, line.plan_id) AS plan_id
        FROM crm_subscriptionchange AS change JOIN crm_subscription AS line ON line.id = change.subscription_id
        WHERE change.account_id = account.id AND (change.ends_on IS NULL OR change.ends_on > change.effective_on)
        ORDER BY change.effective_on, change.mrr DESC, change.id DESC
        LIMIT 1
    ) AS term ON true
    WHERE account.merged_into_id IS NULL AND NOT coalesce(held.is_by_hand, false) /*only*/
        AND (account.customer_since IS NULL OR account.customer_since >= (SELECT min(starts_from) FROM edition))
)
INSERT INTO retention_onboarding (account_id, version_id, started_on, began_with_id, is_by_hand, recorded_at)
SELECT wanted.account_id, chosen.id, wanted.started_on, wanted.plan_id, false, %(at)s
FROM wanted
CROSS JOIN LATERAL (
    SELECT id FROM edition
    WHERE starts_from <= wanted.started_on AND (plans = '{}' OR wanted.plan_id = ANY (plans))
    ORDER BY plans = '{}', plan_id, starts_from DESC, number DESC
    LIMIT 1
) AS chosen
WHERE wanted.started_on <= %(day)s AND (wanted.held_version IS NULL
    OR (wanted.held_start, wanted.began_with_id) IS DISTINCT FROM (wanted.started_on, wanted.plan_id))
ORDER BY wanted.account_id
RETURNING account_id

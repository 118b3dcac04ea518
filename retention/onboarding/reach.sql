-- reach.sql — Grain one row per account of %(accounts)s and milestone of its edition that usage shows to be reached on another
-- day than was recorded · Reads retention_onboarding, retention_onboardingversion, retention_milestone,
-- retention_milestonereach, crm_account, crm_usage_day, crm_person_day, crm_eventname, crm_person, terms, crm_installation ·
-- Writes retention_milestonereach
-- Safe to run twice: what stands as recorded is not recorded again. Usage counts from the start through %(day)s, through the
-- last day, and until the account left. That of accounts merged into one counts for it; people follow same_as. Mirrors
-- rules.reached_on.
WITH held AS (
    SELECT DISTINCT ON (account_id) account_id, version_id, started_on
    FROM retention_onboarding WHERE account_id = ANY (%(accounts)s) ORDER BY account_id, id DESC
), gone AS MATERIALIZED (/*gone*/
), span AS MATERIALIZED (
    SELECT held.account_id, held.version_id, held.started_on,
        least(held.started_on + version.lasts_days, gone.churned_on - 1, %(day)s::date) AS through,
        ARRAY(SELECT id FROM crm_account WHERE id = held.account_id OR merged_into_id = held.account_id) AS ids
    FROM held
    JOIN retention_onboardingversion AS version ON version.id = held.version_id
    LEFT JOIN gone ON gone.account_id = held.account_id
), step AS (
    SELECT span.account_id, milestone.id, milestone.kind, milestone.feature_id, milestone.amount,
        milestone.kind <> 'first_use' AND feature.counts_amount AS of_amount
    FROM span
    JOIN retention_milestone AS milestone ON milestone.version_id = span.version_id AND milestone.kind <> 'hand'
    LEFT JOIN crm_feature AS feature ON feature.id = milestone.feature_id
), used AS MATERIALIZED (
    SELECT span.account_id, event.feature_id, usage.day, sum(usage.uses) AS uses, sum(usage.amount) AS amount
    FROM span
    CROSS JOIN LATERAL (
        SELECT day, event_id, uses, amount FROM crm_usage_day
        WHERE account_id = ANY (span.ids) AND day >= span.started_on AND day <= span.through
    ) AS usage
    JOIN crm_eventname AS event ON event.id = usage.event_id
    WHERE event.feature_id IN (SELECT feature_id FROM retention_milestone WHERE feature_id IS NOT NULL)
    GROUP BY span.account_id, event.feature_id, usage.day
), counted AS (
    SELECT step.account_id, step.id, step.kind, coalesce(step.amount, 1) AS asked, used.day,
        sum(CASE WHEN step.of_amount THEN used.amount / 1000000 ELSE used.uses END) OVER since_start AS in_all,
        sum(CASE WHEN step.of_amount THEN used.amount / 1000000 ELSE used.uses END) OVER window_of AS in_window
    FROM step
    JOIN used ON used.account_id = step.account_id AND used.feature_id = step.feature_id
    WINDOW since_start AS (PARTITION BY step.account_id, step.id ORDER BY used.day),
        window_of AS (PARTITION BY step.account_id, step.id ORDER BY used.day RANGE BETWEEN '27 days' PRECEDING AND CURRENT ROW)
), person AS (
    SELECT account_id, day, row_number() OVER (PARTITION BY account_id ORDER BY day, who) AS place
    FROM (
        SELECT span.account_id, coalesce(person.same_as_id, person.id) AS who, min(seen.day) AS day
        FROM span
        CROSS JOIN LATERAL (
            SELECT person_id, day FROM crm_person_day
            WHERE account_id = ANY (span.ids) AND day >= span.started_on AND day <= span.through AND uses > 0
        ) AS seen
        JOIN crm_person AS person ON person.id = seen.person_id
        WHERE EXISTS (SELECT FROM step WHERE step.account_id = span.account_id AND step.kind = 'people')
        GROUP BY span.account_id, coalesce(person.same_as_id, person.id)
    ) AS first_seen
), found AS (
    SELECT account_id, id, min(day) AS day FROM counted
    WHERE CASE kind WHEN 'meaningful' THEN in_window ELSE in_all END >= asked
    GROUP BY account_id, id
    UNION ALL
    SELECT step.account_id, step.id, person.day
    FROM step JOIN person ON person.account_id = step.account_id AND person.place = step.amount
    WHERE step.kind = 'people'
)
INSERT INTO retention_milestonereach (account_id, milestone_id, "on", is_by_hand, recorded_at)
SELECT step.account_id, step.id, found.day, false, %(at)s
FROM step
LEFT JOIN found ON found.account_id = step.account_id AND found.id = step.id
LEFT JOIN LATERAL (
    SELECT "on" FROM retention_milestonereach
    WHERE account_id = step.account_id AND milestone_id = step.id ORDER BY id DESC LIMIT 1
) AS said ON true
WHERE found.day IS DISTINCT FROM said."on"
ORDER BY found.day, step.account_id, step.id

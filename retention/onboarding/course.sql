-- course.sql — The head of a query over accounts in an onboarding, as they stood at the end of %(day)s · Grain of `step`: one
-- row per account and milestone of its edition; of `stood`: one row per account · Reads retention_onboarding,
-- retention_onboardingversion, retention_onboardingplan, retention_milestone, retention_milestonereach, crm_account, terms,
-- crm_installation · Writes nothing
-- Safe to run twice: it only reads. Mirrors rules.standing over what was recorded by %(known)s (null: all). `gone`: first days
-- without a paid term.
WITH held AS (
    SELECT DISTINCT ON (begun.account_id) begun.account_id, begun.version_id, begun.started_on
    FROM retention_onboarding AS begun
    WHERE (%(known)s::timestamptz IS NULL OR begun.recorded_at <= %(known)s) /*only*/
    ORDER BY begun.account_id, begun.id DESC
), gone AS MATERIALIZED (/*gone*/
), span AS (
    SELECT held.account_id, held.started_on, version.id AS version_id, version.plan_id, plan.name AS plan, version.stuck_days,
        held.started_on + version.lasts_days AS last_day, gone.churned_on,
        least(%(day)s::date, held.started_on + version.lasts_days, gone.churned_on - 1) AS seen_on
    FROM held
    JOIN crm_account AS account ON account.id = held.account_id AND account.merged_into_id IS NULL
    JOIN retention_onboardingversion AS version ON version.id = held.version_id
    JOIN retention_onboardingplan AS plan ON plan.id = version.plan_id
    LEFT JOIN gone ON gone.account_id = held.account_id
    WHERE held.started_on <= %(day)s
), step AS (
    SELECT span.*, milestone.id AS milestone_id, milestone.name, milestone.kind, milestone.key, milestone.position,
        milestone.is_value, milestone.feature_id, milestone.amount, span.started_on + milestone.expected_days AS due_on,
        reach."on", reach.recorded_by_id
    FROM span
    JOIN retention_milestone AS milestone ON milestone.version_id = span.version_id
    LEFT JOIN LATERAL (
        SELECT "on", recorded_by_id FROM retention_milestonereach
        WHERE account_id = span.account_id AND milestone_id = milestone.id
            AND (%(known)s::timestamptz IS NULL OR recorded_at <= %(known)s)
        ORDER BY id DESC
        LIMIT 1
    ) AS reach ON reach."on" <= span.seen_on
), summed AS (
    SELECT account_id, plan_id, plan, version_id, started_on, seen_on, last_day, churned_on, stuck_days, count(*) AS steps,
        count("on") AS reached, count(*) FILTER (WHERE due_on < seen_on) AS expected,
        count("on") FILTER (WHERE due_on < seen_on) AS met, max("on") AS last_on, min("on") FILTER (WHERE is_value) AS value_on,
        min(position) FILTER (WHERE "on" IS NULL) AS next_position,
        greatest(seen_on - min(due_on) FILTER (WHERE "on" IS NULL), 0) AS late
    FROM step
    GROUP BY account_id, plan_id, plan, version_id, started_on, seen_on, last_day, churned_on, stuck_days
), stood AS (
    SELECT summed.account_id, summed.plan_id, summed.plan, summed.version_id, summed.started_on, summed.seen_on, summed.last_day,
        summed.churned_on, summed.steps, summed.reached, summed.expected, summed.met, coalesce(summed.late, 0) AS late,
        CASE WHEN summed.reached = summed.steps THEN 'done'
            WHEN summed.churned_on <= least(%(day)s::date, summed.last_day) THEN 'left'
            WHEN summed.last_day < %(day)s THEN 'over'
            WHEN summed.late = 0 THEN 'on_track'
            WHEN halt.days >= summed.stuck_days THEN 'stuck'
            ELSE 'behind' END AS state, summed.seen_on - halt.days + summed.stuck_days AS halted_on,
        summed.last_on, summed.value_on, upcoming.milestone_id AS next_id, upcoming.name AS next_name, upcoming.key AS next_key,
        upcoming.kind AS next_kind, upcoming.due_on AS next_due_on
    FROM summed
    CROSS JOIN LATERAL (SELECT least(summed.late, coalesce(summed.seen_on - summed.last_on, summed.late)) AS days) AS halt
    LEFT JOIN step AS upcoming ON upcoming.account_id = summed.account_id AND upcoming.position = summed.next_position
)

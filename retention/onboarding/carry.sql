-- carry.sql — Grain one row per milestone of the edition %(version)s that has the key of one said by hand of %(account)s in
-- another edition of the plan · Reads retention_milestone, retention_milestonereach, retention_onboardingversion · Writes
-- retention_milestonereach
-- Safe to run twice: what is known of a milestone already stays.
INSERT INTO retention_milestonereach (account_id, milestone_id, "on", is_by_hand, recorded_at, recorded_by_id)
SELECT %(account)s, milestone.id, said."on", true, %(at)s, said.recorded_by_id
FROM retention_milestone AS milestone
JOIN retention_onboardingversion AS version ON version.id = milestone.version_id
CROSS JOIN LATERAL (
    SELECT reach."on", reach.recorded_by_id FROM retention_milestonereach AS reach
    JOIN retention_milestone AS other ON other.id = reach.milestone_id
    JOIN retention_onboardingversion AS edition ON edition.id = other.version_id
    WHERE reach.account_id = %(account)s AND reach.is_by_hand AND other.key = milestone.key AND edition.plan_id = version.plan_id
    ORDER BY reach.id DESC
    LIMIT 1
) AS said
WHERE milestone.version_id = %(version)s AND milestone.kind = 'hand' AND said."on" IS NOT NULL
    AND NOT EXISTS (SELECT FROM retention_milestonereach WHERE account_id = %(account)s AND milestone_id = milestone.id)

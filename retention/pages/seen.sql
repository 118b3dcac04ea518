-- seen.sql — Grain at most one row: the account %(account)s, if the reader sees it, with what its pages say of it; lists are
-- JSON, null when empty · Reads the accounts the reader sees, crm_account, crm_user, crm_team, crm_trait, crm_promise,
-- crm_payment, crm_conversation, onboarding, retention_score_now, retention_task, retention_followup, retention_handover,
-- retention_pulse, retention_override, stand-ins and the outlook ·
-- Writes nothing
-- Safe to run twice: it only reads. Promises, conversations, tasks and drafts of accounts merged into this one belong to it.
SELECT /*columns*/, owner.name AS owner_name, owner.team_id AS owner_team, pool.name AS pool_name,
    (SELECT change FROM retention_score_now WHERE account_id = account.id) AS change,
    (SELECT least(28, day - before_on) FROM retention_score_now WHERE account_id = account.id) AS change_days,
    (/*stand_ins*/) AS stand_ins_json,
    (/*outlook*/) AS outlook,
    (SELECT seen.name FROM (/*accounts*/) AS seen WHERE seen.pk = account.parent_id) AS above,
    (SELECT jsonb_agg(to_jsonb(held) ORDER BY held.label, held.trait) FROM (/*traits*/) AS held) AS traits_json,
    (SELECT jsonb_agg(to_jsonb(held) ORDER BY held.due_on, held.id) FROM (/*promises*/) AS held) AS promises_json,
    (SELECT jsonb_agg(to_jsonb(held) ORDER BY held.since) FROM (/*troubles*/) AS held) AS troubles_json,
    (SELECT to_jsonb(held) FROM (/*onboarding*/) AS held) AS onboarding_json,
    (SELECT jsonb_agg(to_jsonb(held) ORDER BY held.due_on, held.goal_id) FROM (/*goals*/) AS held WHERE held.kind <> 'dropped') AS goals_json,
    (SELECT jsonb_agg(to_jsonb(task) ORDER BY task.due_on, task.id) FROM (
        SELECT task.id, task.title, task.due_on, task.assignee_id, assignee.name AS assignee
        FROM retention_task AS task LEFT JOIN crm_user AS assignee ON assignee.id = task.assignee_id
        WHERE task.account_id = ANY (mine.ids) AND task.done_at IS NULL AND task.dismissed_at IS NULL
        ORDER BY task.due_on, task.id
        LIMIT %(tasks)s
    ) AS task) AS tasks_json,
    (SELECT jsonb_agg(to_jsonb(talk) ORDER BY talk.due_at NULLS LAST, talk.id) FROM (
        SELECT talk.id, talk.subject, talk.channel, talk.due_at, answers.name AS responder
        -- Account by account along its index: of a large customer's only the first are read.
        FROM unnest(mine.ids) AS one CROSS JOIN LATERAL (
            SELECT * FROM crm_conversation WHERE account_id = one AND state = 'open' ORDER BY due_at NULLS LAST, id LIMIT %(tasks)s
        ) AS talk LEFT JOIN crm_user AS answers ON answers.id = talk.responder_id
        ORDER BY talk.due_at NULLS LAST, talk.id
        LIMIT %(tasks)s
    ) AS talk) AS waiting_json,
    (SELECT id FROM retention_followup WHERE account_id = ANY (mine.ids) AND state = 'draft'
        ORDER BY occurrence_on, id LIMIT 1) AS draft,
    (SELECT to_jsonb(held) FROM (/*pulses*/) AS held) AS pulse_json,
    (SELECT to_jsonb(held) FROM (/*overrides*/) AS held) AS override_json,
    EXISTS (SELECT FROM retention_handover WHERE account_id = account.id AND taker_id = %(me)s AND read_at IS NULL
        AND account.owner_id = taker_id) AS taken_over
FROM (/*accounts*/) AS seen
JOIN crm_account AS account ON account.id = seen.pk
LEFT JOIN crm_user AS owner ON owner.id = account.owner_id
LEFT JOIN crm_team AS pool ON pool.id = account.pool_id
CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT id FROM crm_account WHERE id = account.id OR merged_into_id = account.id) AS ids
    OFFSET 0
) AS mine
WHERE seen.pk = %(account)s

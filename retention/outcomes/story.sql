-- story.sql — Grain one row per thing that happened to %(account)s, the newest %(limit)s; after them, oldest first, its score
-- rows from %(start)s to %(end)s (kind 'score') · Reads signals, plays, tasks, promises, follow-ups, mails, conversations,
-- answers, outcomes, owner and subscription changes, payments, goals, milestones, pulses, overrides, contacts, the ledger ·
-- Writes nothing
-- Safe to run twice: it only reads. Each branch gives at most a page's worth along its index by account. What happened to
-- accounts merged into this one belongs to its story. `facts` holds what the sentence is made of; days stand at midnight.
WITH mine AS (
    SELECT id FROM crm_account WHERE id = %(account)s
    UNION ALL
    SELECT id FROM crm_account WHERE merged_into_id = %(account)s
), event AS (
    (SELECT opened_at AS at, 'signal' AS kind, id AS ref, kind AS name, '' AS who,
        jsonb_build_object('evidence', evidence, 'closed_at', closed_at, 'why', closed_why) AS facts
    FROM retention_risksignal WHERE account_id = ANY (ARRAY(SELECT id FROM mine)) ORDER BY opened_at DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT play.started_at, 'play', play.id, book.name, '',
        jsonb_build_object('ended_at', play.ended_at, 'reason', play.end_reason)
    FROM retention_play AS play JOIN retention_playbook AS book ON book.id = play.playbook_id
    WHERE play.account_id = ANY (ARRAY(SELECT id FROM mine)) ORDER BY play.started_at DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT coalesce(task.done_at, task.dismissed_at, task.created_at), 'task', task.id, task.title, coalesce(person.name, ''),
        jsonb_build_object('due_on', task.due_on, 'done', task.done_at IS NOT NULL, 'why', task.dismissed_why,
            'open', task.done_at IS NULL AND task.dismissed_at IS NULL)
    FROM retention_task AS task LEFT JOIN crm_user AS person ON person.id = task.assignee_id
    WHERE task.account_id = ANY (ARRAY(SELECT id FROM mine)) ORDER BY task.id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT turn."on"::timestamp AT TIME ZONE 'UTC', 'promise', promise.id, promise.text, coalesce(person.name, ''),
        jsonb_build_object('turn', turn.kind, 'due_on', turn.due_on, 'why', turn.why)
    FROM mine CROSS JOIN LATERAL (
        SELECT * FROM crm_promisechange WHERE account_id = mine.id ORDER BY "on" DESC, id DESC LIMIT %(limit)s
    ) AS turn JOIN crm_promise AS promise ON promise.id = turn.promise_id
    LEFT JOIN crm_contact AS person ON person.id = promise.contact_id
    ORDER BY turn."on" DESC, turn.id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT coalesce(decided_at, created_at), 'draft', id, subject, '', jsonb_build_object('state', state, 'why', state_why)
    FROM retention_followup WHERE account_id = ANY (ARRAY(SELECT id FROM mine)) AND state <> 'approved' ORDER BY id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT coalesce(settled_at, handoff_at, approved_at), 'mail', id, subject, to_name,
        jsonb_build_object('state', state, 'due_at', due_at)
    FROM crm_outboundmail WHERE account_id = ANY (ARRAY(SELECT id FROM mine)) ORDER BY id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT talk.last_at, 'talk', talk.id, talk.channel, coalesce(person.name, ''),
        jsonb_build_object('subject', talk.subject, 'state', talk.state, 'inbound', talk.inbound,
            'text', (SELECT left(entry.text, 300) FROM crm_entry AS entry WHERE entry.conversation_id = talk.id
                ORDER BY entry.at DESC, entry.id DESC LIMIT 1))
    -- Account by account along its index: all talks of a large customer are more than can be put in order each time.
    FROM mine CROSS JOIN LATERAL (
        SELECT * FROM crm_conversation WHERE account_id = mine.id ORDER BY last_at DESC, id DESC LIMIT %(limit)s
    ) AS talk LEFT JOIN crm_contact AS person ON person.id = talk.contact_id
    ORDER BY talk.last_at DESC, talk.id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT answer.answered_at, 'survey', answer.id, answer.comment, person.name, jsonb_build_object('score', answer.score)
    FROM feedback_answer AS answer JOIN crm_contact AS person ON person.id = answer.contact_id
    WHERE answer.account_id = ANY (ARRAY(SELECT id FROM mine)) AND answer.set_aside = ''
    ORDER BY answer.answered_at DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT recorded_at, 'outcome', id, kind, '', jsonb_build_object('on', "on", 'evidence', evidence)
    FROM retention_outcome WHERE account_id = ANY (ARRAY(SELECT id FROM mine)) ORDER BY id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT change.from_at, 'owner', change.id, coalesce(person.name, team.name, ''), '', '{}'
    FROM crm_ownerchange AS change LEFT JOIN crm_user AS person ON person.id = change.owner_id
    LEFT JOIN crm_team AS team ON team.id = change.pool_id
    WHERE change.account_id = ANY (ARRAY(SELECT id FROM mine)) ORDER BY change.from_at DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT paid.effective_on::timestamp AT TIME ZONE 'UTC', 'subscription', paid.id, coalesce(plan.name, ''), '',
        jsonb_build_object('mrr', paid.mrr, 'before', paid.mrr_before, 'currency', paid.currency, 'seats', paid.seats,
            'ended', paid.ends_on IS NOT NULL AND paid.ends_on = paid.effective_on)
    FROM (
        SELECT held.*, lag(mrr) OVER (PARTITION BY subscription_id ORDER BY effective_on, id) AS mrr_before
        FROM crm_subscriptionchange AS held WHERE held.account_id = ANY (ARRAY(SELECT id FROM mine))
    ) AS paid LEFT JOIN crm_plan AS plan ON plan.id = paid.plan_id
    WHERE paid.effective_on <= %(end)s ORDER BY paid.effective_on DESC, paid.id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT turn."on"::timestamp AT TIME ZONE 'UTC', 'goal', goal.id, goal.words, '',
        jsonb_build_object('turn', turn.kind, 'target', turn.target, 'due_on', turn.due_on, 'why', turn.why,
            'unit', coalesce(feature.unit, trait.unit), 'measure', coalesce(feature.name, trait.label))
    FROM crm_goalchange AS turn JOIN crm_goal AS goal ON goal.id = turn.goal_id
    LEFT JOIN crm_feature AS feature ON feature.id = goal.feature_id
    LEFT JOIN crm_traitdefinition AS trait ON trait.id = goal.trait_id
    WHERE turn.account_id = ANY (ARRAY(SELECT id FROM mine)) ORDER BY turn."on" DESC, turn.id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT reach."on"::timestamp AT TIME ZONE 'UTC', 'milestone', reach.id, milestone.name, coalesce(person.name, ''),
        jsonb_build_object('is_value', milestone.is_value)
    FROM retention_milestonereach AS reach JOIN retention_milestone AS milestone ON milestone.id = reach.milestone_id
    LEFT JOIN crm_user AS person ON person.id = reach.recorded_by_id
    WHERE reach.account_id = ANY (ARRAY(SELECT id FROM mine)) AND reach."on" IS NOT NULL AND NOT EXISTS (
        SELECT FROM retention_milestonereach AS later
        WHERE later.account_id = reach.account_id AND later.milestone_id = reach.milestone_id AND later.id > reach.id)
    ORDER BY reach."on" DESC, reach.id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT row."on"::timestamp AT TIME ZONE 'UTC', 'payment', row.id, row.kind, row.why,
        jsonb_build_object('amount', row.amount, 'currency', row.currency, 'invoice', row.invoice)
    FROM crm_payment AS row WHERE row.account_id = ANY (ARRAY(SELECT id FROM mine)) ORDER BY row."on" DESC, row.id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT row."on"::timestamp AT TIME ZONE 'UTC', 'pulse', row.id, row.reason, coalesce(person.name, ''),
        jsonb_build_object('value', row.value)
    FROM retention_pulse AS row LEFT JOIN crm_user AS person ON person.id = row.by_id
    WHERE row.account_id = ANY (ARRAY(SELECT id FROM mine)) AND row.value IS NOT NULL
    ORDER BY row."on" DESC, row.id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT row.recorded_at, 'override', row.id, row.reason, coalesce(person.name, ''),
        jsonb_build_object('band', row.band, 'until', row.until)
    FROM retention_override AS row LEFT JOIN crm_user AS person ON person.id = row.by_id
    WHERE row.account_id = ANY (ARRAY(SELECT id FROM mine)) ORDER BY row."on" DESC, row.id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT left_on::timestamp AT TIME ZONE 'UTC', 'left', id, role, name, '{}'
    FROM crm_contact WHERE account_id = ANY (ARRAY(SELECT id FROM mine)) AND left_on IS NOT NULL AND erased_at IS NULL
        AND merged_into_id IS NULL
    ORDER BY left_on DESC LIMIT %(limit)s)
), past AS (/*history*/)
(SELECT at, kind, ref, name, who, facts FROM event ORDER BY at DESC, kind, ref DESC LIMIT %(limit)s)
UNION ALL
(SELECT day::timestamp AT TIME ZONE 'UTC', 'score', 0, '', '', jsonb_build_object('points', points) FROM past ORDER BY day)

-- today.sql — Grain one row per account with something to do, what is at stake first, led by how much waits in all (its columns
-- repeat) · Reads the accounts the reader sees, follow-ups, tasks, signals, plays, retention_score_now, terms · Writes nothing
-- Safe to run twice: it only reads. `section` is the account's foremost item: 1 an unanswered detractor, 2 a draft, 3 a task due,
-- 4 a signal. Drafts and signals are news: each owner gets %(most)s a day, less those dealt with since %(morning)s. Items of
-- merged accounts count for the one that took their place. The mean of `quiet`: somebody has acted on the signal already.
WITH seen AS (/*accounts*/), item AS (
    SELECT account_id, 2 AS section, created_at AS since, NULL::bigint AS assignee_id, FALSE AS quiet
    FROM retention_followup WHERE state = 'draft'
    UNION ALL
    SELECT account_id, 3, created_at, assignee_id, FALSE
    FROM retention_task WHERE done_at IS NULL AND dismissed_at IS NULL AND due_on <= %(day)s
    UNION ALL
    SELECT signal.account_id, CASE signal.kind WHEN 'detractor' THEN 1 ELSE 4 END, signal.opened_at, NULL,
        signal.kind <> 'detractor' AND EXISTS (
            SELECT FROM retention_play AS play JOIN retention_playstep AS step ON step.play_id = play.id
            LEFT JOIN retention_followup AS draft ON draft.play_step_id = step.id
            WHERE play.account_id = signal.account_id AND play.ended_at IS NULL
                AND (step.state = 'done' OR draft.state IN ('approved', 'dismissed'))
        )
    FROM retention_risksignal AS signal
    WHERE signal.closed_at IS NULL AND (signal.snoozed_until IS NULL OR signal.snoozed_until <= %(day)s)
), work AS (
    SELECT seen.pk AS account_id, seen.name, seen.owner_id, min(item.section) AS section, min(item.since) AS since,
        count(*) FILTER (WHERE item.section = 2) AS drafts, count(*) FILTER (WHERE item.section = 3) AS tasks,
        count(*) FILTER (WHERE item.section = 4) AS signals, count(*) FILTER (WHERE item.section = 1) AS answers
    FROM item
    JOIN crm_account AS held ON held.id = item.account_id
    JOIN seen ON seen.pk = coalesce(held.merged_into_id, held.id)
    WHERE NOT %(mine)s OR item.assignee_id = %(me)s OR (item.assignee_id IS NULL AND seen.owner_id = %(me)s)
    GROUP BY seen.pk, seen.name, seen.owner_id
    HAVING NOT bool_and(item.quiet)
), /*facts*/, dealt AS (
    SELECT seen.owner_id, count(DISTINCT seen.pk) AS accounts
    FROM retention_followup AS draft JOIN seen ON seen.pk = draft.account_id
    WHERE draft.decided_at >= %(morning)s AND draft.state IN ('approved', 'dismissed')
    GROUP BY seen.owner_id
), ranked AS (
    SELECT work.*, mrr_on.mrr, row_number() OVER (
            PARTITION BY work.owner_id, work.section IN (2, 4) ORDER BY mrr_on.mrr DESC NULLS LAST, work.since, work.account_id
        ) AS place, work.section IN (2, 4) AS news, coalesce(dealt.accounts, 0) AS dealt
    FROM work
    LEFT JOIN mrr_on USING (account_id)
    LEFT JOIN dealt ON dealt.owner_id IS NOT DISTINCT FROM work.owner_id
), shown AS (
    SELECT * FROM ranked WHERE %(everything)s OR NOT news OR place <= %(most)s - dealt
    ORDER BY section, mrr DESC NULLS LAST, since, account_id
    LIMIT %(limit)s
), total AS (
    SELECT count(*) AS accounts, coalesce(sum(drafts), 0) AS drafts, coalesce(sum(tasks), 0) AS tasks,
        coalesce(sum(signals), 0) AS signals, coalesce(sum(answers), 0) AS answers
    FROM work
)
SELECT total.accounts, total.drafts::int, total.tasks::int, total.signals::int, total.answers::int,
    shown.account_id, shown.name, shown.section, shown.since, shown.mrr, shown.drafts, shown.tasks, shown.signals,
    score.points, coalesce(score.band, 0)
FROM total
LEFT JOIN shown ON TRUE
LEFT JOIN retention_score_now AS score ON score.account_id = shown.account_id
ORDER BY shown.section, shown.mrr DESC NULLS LAST, shown.since, shown.account_id

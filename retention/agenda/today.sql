-- today.sql — Grain one row per account with something to do, heaviest first, led by how much there is in all (its columns
-- repeat) · Reads the accounts the reader sees, conversations, promises, follow-ups, tasks, signals, plays, put-offs, contacts, retention_score_now,
-- crm_account_figures, terms · Writes nothing
-- Safe to run twice: it only reads. Mirrors agenda/rules.py: weight, claim and admitted. `section` is the account's
-- foremost item: 1 an unanswered detractor, 2 an answer late or nearly so, 3 a promise overdue, 4 a draft, 5 a task due, 6 a signal. Drafts and signals are news, of which an
-- owner gets ten accounts a day. A spell begins with an item that finds none of the account's news open, and lasts until none
-- is. Items of merged accounts count for the one that took their place. `quiet`: somebody has acted on the signal already.
-- Places are given by crm_account_figures, which the pipeline keeps; what the chosen rows pay is worked out from their terms.
WITH seen AS (/*accounts*/), put_off AS (
    SELECT DISTINCT ON (account_id) account_id, id, at, until, why
    FROM retention_putoff
    WHERE taken_back_at IS NULL AND until > %(day)s
    ORDER BY account_id, id DESC
), item AS (
    SELECT account_id, id, 4 AS section, created_at AS since,
        CASE WHEN state <> 'draft' THEN decided_at END AS ended_at, NULL::bigint AS assignee_id, NULL::date AS due_on,
        FALSE AS snoozed, FALSE AS quiet, FALSE AS red
    FROM retention_followup
    -- A word that an answer will be late goes with its conversation, which never waits behind the day's ten.
    WHERE conversation_id IS NULL AND (state = 'draft' OR created_at >= %(oldest)s)
    UNION ALL
    SELECT account_id, id, 2, warn_at, NULL, responder_id, NULL, FALSE, FALSE, FALSE
    FROM crm_conversation
    -- Others' are left out here already, so that one's own are read along their index.
    WHERE state = 'open' AND warn_at <= %(now)s AND (NOT %(mine)s OR responder_id = ANY (%(us)s) OR responder_id IS NULL)
    UNION ALL
    -- Overdue from the first instant of the day after, where the account is; the owner's matter and whoever promised.
    SELECT * FROM (
        SELECT promise.account_id, promise.id, 3, (promise.due_on + 1)::timestamp AT TIME ZONE (
                SELECT time_zone FROM crm_account WHERE id = promise.account_id
            ) AS since, NULL::timestamptz, promise.promised_by_id, NULL::date, FALSE, FALSE, FALSE
        FROM crm_promise AS promise
        WHERE promise.state = 'open' AND promise.due_on <= (%(now)s AT TIME ZONE 'UTC')::date
    ) AS overdue
    WHERE since <= %(now)s
    UNION ALL
    SELECT account_id, id, 5, created_at, NULL, assignee_id, due_on, FALSE, FALSE, FALSE
    FROM retention_task
    WHERE done_at IS NULL AND dismissed_at IS NULL AND due_on <= %(day)s
        AND (NOT %(mine)s OR assignee_id = ANY (%(us)s) OR assignee_id IS NULL)
    UNION ALL
    SELECT signal.account_id, signal.id, CASE signal.kind WHEN 'detractor' THEN 1 ELSE 6 END, signal.opened_at,
        signal.closed_at, NULL, NULL, coalesce(signal.snoozed_until > %(day)s, FALSE),
        signal.kind <> 'detractor' AND signal.closed_at IS NULL AND EXISTS (
            SELECT FROM retention_play AS play JOIN retention_playstep AS step ON step.play_id = play.id
            LEFT JOIN retention_followup AS draft ON draft.play_step_id = step.id
            WHERE play.account_id = signal.account_id AND play.ended_at IS NULL
                AND (step.state = 'done' OR draft.state IN ('approved', 'dismissed'))
        ), signal.kind = 'band_red'
    FROM retention_risksignal AS signal
    -- An overdue promise stands there itself.
    WHERE (signal.closed_at IS NULL OR signal.opened_at >= %(oldest)s) AND signal.kind <> 'overdue_promise'
), own AS MATERIALIZED (
    SELECT seen.pk AS account_id, seen.owner_id, seen.stage IN ('churned', 'let_go') AS gone, item.id, item.section, item.since,
        item.ended_at, item.due_on, item.quiet, item.red, item.ended_at IS NULL AND NOT item.snoozed
            AND NOT coalesce(item.since <= put_off.at, FALSE) AS live
    FROM item
    LEFT JOIN (SELECT id, merged_into_id FROM crm_account WHERE merged_into_id IS NOT NULL) AS merged ON merged.id = item.account_id
    JOIN seen ON seen.pk = coalesce(merged.merged_into_id, item.account_id)
    LEFT JOIN put_off ON put_off.account_id = seen.pk
    WHERE NOT %(mine)s OR item.assignee_id = ANY (%(us)s) OR ((item.assignee_id IS NULL OR item.section = 3) AND seen.is_mine)
), work AS (
    SELECT account_id, owner_id, gone, bool_or(ended_at IS NULL) AS stands, bool_or(section IN (4, 6)) AS has_news,
        bool_or(live) AS live, coalesce(bool_and(quiet) FILTER (WHERE live), FALSE) AS quiet,
        min(section) FILTER (WHERE live) AS section, min(since) FILTER (WHERE live) AS since,
        min(due_on) FILTER (WHERE live) AS due_on, coalesce(bool_or(red) FILTER (WHERE live), FALSE) AS red,
        (min(since) FILTER (WHERE live AND section IN (4, 6)) AT TIME ZONE 'UTC')::date AS news_on,
        count(*) FILTER (WHERE live AND section = 4) AS drafts, count(*) FILTER (WHERE live AND section = 5) AS tasks,
        count(*) FILTER (WHERE live AND section = 6) AS signals, count(*) FILTER (WHERE live AND section = 1) AS answers,
        count(*) FILTER (WHERE live AND section = 3) AS promises,
        count(*) FILTER (WHERE live AND section = 2) AS replies
    FROM own
    GROUP BY account_id, owner_id, gone
), clock AS MATERIALIZED (
    -- Once for each owner, 0 being nobody: zones are slow to reckon with.
    SELECT owner, zone, today, (today + %(begins)s * interval '1 hour') AT TIME ZONE zone AS morning
    FROM (
        SELECT owner, zone, (%(now)s AT TIME ZONE zone - %(begins)s * interval '1 hour')::date AS today
        FROM (SELECT id AS owner, time_zone AS zone FROM crm_user UNION ALL SELECT 0, 'UTC') AS zoned
    ) AS dated
), known AS MATERIALIZED (
    SELECT work.*, coalesce(figures.mrr, 0) * 12 AS stake, near.urgency AS nearness,
        CASE WHEN work.gone THEN 0
            -- Whoever has something concrete to do needs no look at whom it can write to, which is slow.
            WHEN work.live AND NOT work.has_news THEN 100
            WHEN EXISTS (
                SELECT FROM crm_contact AS contact
                WHERE contact.account_id = work.account_id AND contact.left_on IS NULL AND contact.erased_at IS NULL
                    AND contact.merged_into_id IS NULL
                    AND contact.email <> ''
            ) THEN 60 ELSE 30 END AS reach, clock.today, clock.zone, clock.morning
    FROM work
    -- Looked up one by one: reading the figures of all accounts takes as long as finding those of a third of them.
    LEFT JOIN LATERAL (
        SELECT mrr, notice_on, renews_on FROM crm_account_figures WHERE account_id = work.account_id OFFSET 0
    ) AS figures ON TRUE
    -- There is one for each; a left join, so that the planner expects as many rows as there are accounts.
    LEFT JOIN clock ON clock.owner = coalesce(work.owner_id, 0)
    CROSS JOIN LATERAL (
        SELECT coalesce(CASE WHEN figures.notice_on >= %(day)s THEN figures.notice_on END,
            CASE WHEN figures.renews_on >= %(day)s THEN figures.renews_on END) - %(day)s AS days
    ) AS decides
    CROSS JOIN LATERAL (
        SELECT CASE WHEN decides.days <= 30 THEN 100 WHEN decides.days <= 90 THEN 70 WHEN decides.days <= 180 THEN 40 ELSE 20 END
            AS urgency
    ) AS near
), numbered AS (
    SELECT account_id, since, ended_at, count(*) FILTER (WHERE begins) OVER line AS spell
    FROM (
        SELECT account_id, id, section, since, ended_at, coalesce(max(coalesce(ended_at, 'infinity')) OVER (
                PARTITION BY account_id ORDER BY since, section, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) < since, TRUE) AS begins
        FROM own WHERE section IN (4, 6)
    ) AS news
    WINDOW line AS (PARTITION BY account_id ORDER BY since, section, id)
), spell AS (
    SELECT account_id, spell, min(since) AS at, max(ended_at) AS last_end, bool_or(ended_at IS NULL) AS is_open,
        spell = max(spell) OVER (PARTITION BY account_id) AS is_latest
    FROM numbered
    GROUP BY account_id, spell
), placed AS (
    SELECT spell.*, known.owner_id, known.today, days.day, stake * nearness * reach AS claim, row_number() OVER (
            PARTITION BY known.owner_id, days.day ORDER BY spell.at, stake * nearness * reach DESC, spell.account_id
        ) AS place, known.morning, known.live AND NOT known.quiet AS waits
    FROM spell
    JOIN known USING (account_id)
    CROSS JOIN LATERAL (SELECT (spell.at AT TIME ZONE known.zone - %(begins)s * interval '1 hour')::date AS day) AS days
), taken AS MATERIALIZED (
    SELECT owner_id, count(*) AS places FROM placed WHERE day = today GROUP BY owner_id
), rest AS (
    -- What waits, and what waited this morning: it keeps its place when it is dealt with or put off.
    SELECT placed.account_id, row_number() OVER (
            PARTITION BY placed.owner_id ORDER BY placed.claim DESC, placed.at, placed.account_id
        ) <= %(most)s - coalesce(taken.places, 0) AS is_chosen
    FROM placed
    LEFT JOIN taken ON coalesce(taken.owner_id, 0) = coalesce(placed.owner_id, 0)
    LEFT JOIN put_off USING (account_id)
    WHERE placed.is_latest AND placed.day < placed.today AND (placed.place > %(most)s OR placed.day < %(oldest)s::date)
        AND (placed.waits OR placed.last_end >= placed.morning OR put_off.at >= placed.morning)
), admitted AS (
    SELECT placed.account_id, placed.day = placed.today AS is_new,
        coalesce(rest.is_chosen, placed.place <= %(most)s AND placed.day >= %(oldest)s::date) AS is_shown
    FROM placed LEFT JOIN rest USING (account_id)
    WHERE placed.is_latest AND placed.is_open
), ranked AS (
    SELECT known.*, weighed.urgency, weighed.influence,
        known.stake * weighed.urgency * weighed.influence AS weight, coalesce(admitted.is_new, FALSE) AS is_new,
        CASE WHEN NOT known.live THEN 'put off' WHEN known.quiet THEN 'acted'
            WHEN known.answers + known.replies + known.promises + known.tasks > 0 OR admitted.is_shown THEN 'shown' ELSE 'waits' END AS state
    FROM known
    LEFT JOIN admitted USING (account_id)
    CROSS JOIN LATERAL (SELECT known.news_on >= %(oldest)s::date AS fresh) AS age
    CROSS JOIN LATERAL (
        SELECT CASE WHEN known.answers + known.replies + known.promises > 0 OR known.due_on < %(day)s THEN 100
                ELSE greatest(known.nearness, CASE
                    WHEN known.tasks > 0 OR age.fresh AND (known.drafts > 0 OR known.red) THEN 70
                    WHEN age.fresh AND known.signals > 0 THEN 50
                    ELSE 20 END) END AS urgency,
            CASE WHEN known.gone THEN 0 WHEN known.answers + known.replies + known.promises + known.drafts + known.tasks > 0 THEN 100 ELSE known.reach END AS influence
    ) AS weighed
    WHERE known.stands
), total AS (
    SELECT count(*) FILTER (WHERE state = 'waits') AS waiting, count(*) FILTER (WHERE state = 'put off') AS put_off,
        count(*) FILTER (WHERE state = 'acted') AS acted, sum(drafts) FILTER (WHERE open) AS drafts,
        sum(tasks) FILTER (WHERE open) AS tasks, sum(signals) FILTER (WHERE open) AS signals,
        sum(answers) FILTER (WHERE open) AS answers, sum(promises) FILTER (WHERE open) AS promises,
        sum(replies) FILTER (WHERE open) AS replies
    FROM ranked CROSS JOIN LATERAL (SELECT state IN ('shown', 'waits') AS open) AS counted
), chosen AS (
    SELECT * FROM ranked
    WHERE state = 'shown' AND NOT %(waiting)s OR state <> 'shown' AND %(waiting)s
    ORDER BY state DESC, weight DESC, urgency * influence DESC, since, account_id
    LIMIT %(limit)s
), told AS MATERIALIZED (
    SELECT own.account_id, own.section, own.id, own.since
    FROM own
    -- IS TRUE has them put into a hash; as a join, all items would be gone through for each of them.
    WHERE own.live AND own.section IN (2, 3) AND (own.account_id IN (SELECT account_id FROM chosen)) IS TRUE
), /*facts*/
SELECT total.waiting, total.put_off, total.acted, coalesce(total.drafts, 0)::int, coalesce(total.tasks, 0)::int,
    coalesce(total.signals, 0)::int, coalesce(total.answers, 0)::int, coalesce(total.promises, 0)::int, coalesce(total.replies, 0)::int,
    chosen.account_id, chosen.state, coalesce(chosen.section, 0), chosen.since, mrr_on.mrr, mrr_on.account_id IS NOT NULL,
    renewals.renews_on, CASE WHEN renewals.notice_on >= %(day)s THEN renewals.notice_on END, chosen.urgency, chosen.influence, chosen.is_new, put_off.id, put_off.until, put_off.why,
    score.points, coalesce(score.band, 0), score.computed_band, coalesce(chosen.promises, 0)::int, promise.text, promise.due_on,
    coalesce(chosen.replies, 0)::int, late.id, late.subject, late.channel, late.due_at, late.draft
FROM total
LEFT JOIN chosen ON TRUE
LEFT JOIN put_off ON put_off.account_id = chosen.account_id AND chosen.state = 'put off'
LEFT JOIN retention_score_now AS score ON score.account_id = chosen.account_id
LEFT JOIN LATERAL (
    SELECT held.text, held.due_on FROM told JOIN crm_promise AS held ON held.id = told.id
    WHERE told.account_id = chosen.account_id AND told.section = 3
    ORDER BY told.since, told.id
    LIMIT 1
) AS promise ON TRUE
LEFT JOIN LATERAL (
    SELECT talk.id, talk.subject, talk.channel, talk.due_at, (SELECT draft.id FROM retention_followup AS draft
        WHERE draft.conversation_id = talk.id AND draft.state = 'draft') AS draft
    FROM told JOIN crm_conversation AS talk ON talk.id = told.id
    WHERE told.account_id = chosen.account_id AND told.section = 2
    ORDER BY talk.due_at, talk.id
    LIMIT 1
) AS late ON TRUE
LEFT JOIN mrr_on ON mrr_on.account_id = chosen.account_id
LEFT JOIN renewals ON renewals.account_id = chosen.account_id
ORDER BY chosen.state DESC, chosen.weight DESC, chosen.urgency * chosen.influence DESC, chosen.since, chosen.account_id

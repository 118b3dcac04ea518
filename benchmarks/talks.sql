-- talks.sql — Grain two million conversations with what was said in them, and promises, goals and payments beside them ·
-- Reads crm_account, crm_contact, crm_subscription · Writes crm_conversation, crm_entry, crm_promise, crm_promisechange, crm_goal,
-- crm_goalchange, crm_payment
-- Safe to run twice: no; it fills an empty book. Skewed by a cube: of %(talks)s conversations the first account has one in fifty,
-- half of all accounts one in five together. One in fifty is open, half of those late.
CREATE FUNCTION pg_temp.u(n bigint, salt int) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT (hashint8extended(n, salt) & 1048575) / 1048576.0 $$;
CREATE TEMP TABLE person AS
    SELECT account_id, (array_agg(id ORDER BY id)) AS ids FROM crm_contact GROUP BY account_id;
ALTER TABLE person ADD PRIMARY KEY (account_id);
ANALYZE person;
INSERT INTO crm_conversation (account_id, contact_id, responder_id, channel, subject, inbound, state, began_at, last_at,
        asked_at, target_minutes, spent_seconds, since, due_at, warn_at, answered_at, closed_at, recorded_at)
    SELECT account.id, person.ids[1 + n %% 3], account.owner_id, channel,
        (ARRAY['Re: ', 'Fwd: ', '', ''])[1 + n %% 4] || (ARRAY['Export', 'Invoice', 'Login', 'Import', 'Offer', 'Route'])[1 + (pg_temp.u(n, 5) * 6)::int %% 6]
            || ' ' || (ARRAY['fails', 'question', 'wanted', 'thanks'])[1 + (pg_temp.u(n, 6) * 4)::int %% 4] || ' ' || substr(md5(n::text), 1, 6),
        inbound, state, began_at, began_at + interval '3 hours',
        CASE WHEN inbound THEN began_at END, CASE WHEN inbound THEN 480 END, CASE WHEN inbound AND state <> 'open' THEN 9000 ELSE 0 END,
        CASE WHEN inbound AND state = 'open' THEN began_at END, CASE WHEN inbound THEN began_at + interval '16 hours' END,
        CASE WHEN inbound AND state = 'open' THEN began_at + interval '12 hours' END,
        CASE WHEN inbound AND state <> 'open' THEN began_at + interval '3 hours' END,
        CASE WHEN state = 'closed' THEN began_at + interval '4 hours' END, began_at
    FROM (
        SELECT n, 1 + floor(%(accounts)s * power(pg_temp.u(n, 1), 3))::bigint AS account_id,
            (ARRAY['mail', 'ticket', 'call', 'mail', 'chat', 'meeting', 'ticket', 'mention'])[1 + n %% 8] AS channel,
            n %% 3 <> 0 AS inbound,
            CASE WHEN n %% 3 <> 0 AND pg_temp.u(n, 2) < .03 THEN 'open' WHEN n %% 3 <> 0 AND pg_temp.u(n, 2) < .09 THEN 'waiting' ELSE 'closed' END AS state,
            CASE WHEN pg_temp.u(n, 2) < .03 THEN %(now)s - pg_temp.u(n, 3) * interval '32 hours'
                ELSE %(now)s - interval '6 hours' - pg_temp.u(n, 3) * interval '1000 days' END AS began_at
        FROM generate_series(1, %(talks)s) AS n
    ) AS made
    JOIN crm_account AS account ON account.id = made.account_id
    JOIN person ON person.account_id = account.id;
INSERT INTO crm_entry (conversation_id, at, inbound, text, said_by_id)
    SELECT id, began_at, inbound, 'We sent the file again this morning and the numbers of ' || subject || ' still differ from ours. Could somebody look?', NULL
    FROM crm_conversation
    UNION ALL
    SELECT id, last_at, FALSE, 'We looked: the rates of last month were missing. They are there now, and the numbers agree with yours.', responder_id
    FROM crm_conversation WHERE state <> 'open';
WITH made AS (
    INSERT INTO crm_promise (account_id, text, contact_id, promised_by_id, state, due_on, settled_on, created_at)
    SELECT account.id, 'We send the new rates ' || n, NULL, account.owner_id, state, day + 14, CASE WHEN state = 'kept' THEN day + 10 END, day
    FROM (
        SELECT n, 1 + floor(%(accounts)s * power(pg_temp.u(n, 11), 2))::bigint AS account_id,
            CASE WHEN n %% 50 = 0 THEN 'open' ELSE 'kept' END AS state,
            (%(now)s)::date - CASE WHEN n %% 50 = 0 THEN (n / 50) %% 20 ELSE 30 + n %% 700 END::int AS day
        FROM generate_series(1, %(accounts)s * 2) AS n
    ) AS given
    JOIN crm_account AS account ON account.id = given.account_id
    RETURNING id, account_id, state, due_on, settled_on, created_at
)
INSERT INTO crm_promisechange (account_id, promise_id, kind, "on", due_on, why, recorded_at)
    SELECT account_id, id, 'made', created_at::date, due_on, '', created_at FROM made
    UNION ALL
    SELECT account_id, id, 'kept', settled_on, due_on, '', settled_on FROM made WHERE state = 'kept';
WITH made AS (
    INSERT INTO crm_goal (account_id, words, feature_id, created_at)
    SELECT id, 'Plan a week in an hour', 1 + id %% 12, created_at FROM crm_account WHERE id %% 2 = 0
    RETURNING id, account_id, created_at
)
INSERT INTO crm_goalchange (account_id, goal_id, kind, "on", baseline, target, due_on, why, recorded_at)
    SELECT account_id, id, 'set', created_at::date, 0, 500, (%(now)s)::date + 90, '', created_at FROM made;
INSERT INTO crm_payment (account_id, subscription_id, kind, "on", invoice, amount, currency, why, recorded_at)
    SELECT account_id, id, kind, (%(now)s)::date - 40 + place * 10, 'INV-' || id, 100, 'EUR', '', %(now)s
    FROM crm_subscription, (VALUES ('failed', 1), ('settled', 2)) AS turn (kind, place)
    WHERE id %% 5 = 0 AND (kind = 'failed' OR id %% 50 <> 0);

-- finding.sql — Grain one row per account, then per contact, per conversation, per promise and per goal, whose words begin
-- like those asked for; at most %(limit)s of each, by name, conversations the newest first, promises and goals the last due
-- first · Reads the accounts the reader sees, crm_contact, crm_conversation, crm_promise, crm_goal, crm_goalchange,
-- retention_score_now, crm_user · Writes nothing
-- Safe to run twice: it only reads. They run along the indexes account_search, account_name_prefix, contact_search,
-- conversation_by_time, conversation_by_words, promise_search and goal_search, so their expressions must stay as those indexes
-- have them. What is of merged accounts stands under the one that stayed. %(people)s and %(talks)s: whether contacts, and what
-- was said, may be searched. A row of the kind 'many' says that over %(many)s conversations had the words before enough were
-- found, and that older ones were not looked at; where over %(many)s promises or goals have them, none is shown but a row of
-- the kind 'many noted'.
WITH RECURSIVE asked AS MATERIALIZED (SELECT to_tsquery('simple', %(words)s) || %(words)s::tsquery AS words),
account AS MATERIALIZED (
    SELECT seen.pk, seen.name, seen.external_id, seen.stage, seen.owner_id
    FROM (/*accounts*/) AS seen
    WHERE to_tsvector('simple'::regconfig, COALESCE(seen.name, '') || ' ' || COALESCE(seen.external_id, ''))
            @@ (SELECT words FROM asked)
        OR lower(seen.name) LIKE %(prefix)s
    ORDER BY lower(seen.name), seen.pk
    LIMIT %(limit)s
), person AS MATERIALIZED (
    SELECT contact.id, contact.name, contact.email, contact.role, contact.left_on, seen.pk AS account_id, seen.name AS account
    -- Joined, so that no parallel worker is started: that alone takes longer than the search.
    FROM asked
    JOIN crm_contact AS contact
        ON to_tsvector('simple'::regconfig, COALESCE(contact.name, '') || ' ' || COALESCE(contact.email, '')) @@ asked.words
    JOIN crm_account AS held ON held.id = contact.account_id
    JOIN (/*accounts*/) AS seen ON seen.pk = coalesce(held.merged_into_id, held.id)
    WHERE %(people)s AND contact.erased_at IS NULL AND contact.merged_into_id IS NULL
    ORDER BY lower(contact.name), contact.id
    LIMIT %(limit)s
), recent AS MATERIALIZED (
    -- A word of every other subject is soon found among what was said last.
    SELECT ARRAY(
        SELECT said.id
        FROM (SELECT id, account_id, subject, last_at FROM crm_conversation ORDER BY last_at DESC, id DESC LIMIT %(recent)s) AS said
        -- %(inside)s spares most of them from being taken apart.
        JOIN crm_account AS held ON held.id = said.account_id
        JOIN (/*accounts*/) AS seen ON seen.pk = coalesce(held.merged_into_id, held.id)
        WHERE lower(said.subject) LIKE %(inside)s AND to_tsvector('simple', said.subject) @@ (SELECT words FROM asked)
        ORDER BY said.last_at DESC, said.id DESC
        LIMIT %(limit)s
    ) AS ids
    WHERE %(talks)s
), walk AS (
    -- Else by weeks, the newest first, until enough are found: all that have such a word are too many to be put in order
    -- while somebody waits. First one week, then two, four and so on: a rare word is not asked for in each by itself.
    SELECT crm_week(%(now)s) + 2 AS week, 1 AS weeks, 0::bigint AS looked_at,
        CASE WHEN cardinality(ids) = %(limit)s THEN ids ELSE '{}' END AS kept,
        (SELECT crm_week(min(last_at)) FROM crm_conversation) AS oldest
    FROM recent
    UNION ALL
    SELECT walk.week - walk.weeks, walk.weeks * 2, walk.looked_at + said.many, walk.kept || seen.ids, walk.oldest
    FROM walk
    CROSS JOIN asked
    CROSS JOIN LATERAL (
        SELECT string_agg('(' || crm_of_week(asked.words::text, week) || ')', '|')::tsquery AS words
        FROM generate_series(greatest(walk.week - walk.weeks, walk.oldest), walk.week - 1) AS week
    ) AS block
    CROSS JOIN LATERAL (
        SELECT count(*) AS many, array_agg(id ORDER BY last_at DESC, id DESC) AS ids
        FROM crm_conversation
        WHERE crm_words_of_week(subject, last_at) @@ block.words
    ) AS said
    CROSS JOIN LATERAL (
        SELECT ARRAY(
            SELECT talk.id
            -- In its order already, so that accounts are looked up only until there are enough.
            FROM (SELECT id, place FROM unnest(said.ids) WITH ORDINALITY AS one (id, place) ORDER BY place OFFSET 0) AS one
            JOIN crm_conversation AS talk ON talk.id = one.id
            JOIN crm_account AS held ON held.id = talk.account_id
            JOIN (/*accounts*/) AS seen ON seen.pk = coalesce(held.merged_into_id, held.id)
            ORDER BY one.place
            LIMIT %(limit)s
        ) AS ids
    ) AS seen
    WHERE walk.week > walk.oldest AND cardinality(walk.kept) < %(limit)s AND walk.looked_at <= %(many)s
), talk AS MATERIALIZED (
    SELECT said.id, said.subject, said.channel, said.last_at, seen.name AS account
    FROM crm_conversation AS said
    JOIN crm_account AS held ON held.id = said.account_id
    JOIN crm_account AS seen ON seen.id = coalesce(held.merged_into_id, held.id)
    WHERE said.id = ANY (ARRAY(SELECT unnest(kept) FROM walk))
    ORDER BY said.last_at DESC, said.id DESC
    LIMIT %(limit)s
), noted AS MATERIALIZED (
    (SELECT 'promise' AS kind, held.account_id, held.text AS words, held.state AS word, held.due_on, held.id
    FROM asked JOIN crm_promise AS held ON to_tsvector('simple'::regconfig, COALESCE(held.text, '')) @@ asked.words
    WHERE %(talks)s
    LIMIT %(many)s + 1)
    UNION ALL
    (SELECT 'goal', held.account_id, held.words, last.kind, last.due_on, held.id
    FROM asked JOIN crm_goal AS held ON to_tsvector('simple'::regconfig, COALESCE(held.words, '')) @@ asked.words
    CROSS JOIN LATERAL (SELECT kind, due_on FROM crm_goalchange WHERE goal_id = held.id ORDER BY "on" DESC, id DESC LIMIT 1) AS last
    WHERE %(talks)s
    LIMIT %(many)s + 1)
), note AS MATERIALIZED (
    SELECT noted.*, seen.pk, seen.name AS account
    FROM noted
    JOIN crm_account AS own ON own.id = noted.account_id
    JOIN (/*accounts*/) AS seen ON seen.pk = coalesce(own.merged_into_id, own.id)
    WHERE (SELECT count(*) FROM noted) <= %(many)s
    ORDER BY noted.due_on DESC, noted.kind, noted.id
    LIMIT %(limit)s
)
(SELECT 'account' AS kind, account.pk AS account_id, account.name, account.external_id AS detail, account.stage AS word,
    coalesce(owner.name, '') AS owner, score.points, coalesce(score.band, 0) AS band, score.computed_band, NULL::date AS left_on
FROM account
LEFT JOIN crm_user AS owner ON owner.id = account.owner_id
LEFT JOIN retention_score_now AS score ON score.account_id = account.pk
ORDER BY lower(account.name), account.pk)
UNION ALL
(SELECT 'person', account_id, name, email, role, account, NULL, 0, NULL, left_on FROM person ORDER BY lower(name), id)
UNION ALL
(SELECT 'talk', id, subject, '', channel, account, NULL, 0, NULL, last_at::date FROM talk ORDER BY last_at DESC, id DESC)
UNION ALL
(SELECT 'many', 0, '', '', '', '', NULL, 0, NULL, NULL FROM walk
    HAVING max(looked_at) > %(many)s AND max(cardinality(kept)) < %(limit)s)
UNION ALL
(SELECT kind, pk, words, '', word, account, NULL, 0, NULL, due_on FROM note ORDER BY due_on DESC, kind, id)
UNION ALL
(SELECT 'many noted', 0, '', '', '', '', NULL, 0, NULL, NULL FROM noted HAVING count(*) > %(many)s)

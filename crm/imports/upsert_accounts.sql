-- upsert_accounts.sql — Grain one row per account of the chunk that was added or changed · Reads %(rows)s (JSON),
-- crm_account · Writes crm_account, crm_ownerchange
-- Safe to run twice: the second run finds every account as the file says and changes nothing. A null in the file
-- leaves the account as it is.
WITH incoming AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(
        line bigint, external_id text, name text, domains text[], stage text, segment text, tags text[], time_zone text,
        language text, currency text, owner_id bigint, customer_since date)
), wanted AS MATERIALIZED (
    SELECT held.id, held.owner_id AS owned_by,
        coalesce(incoming.name, held.name) AS name,
        coalesce(incoming.domains, held.domains) AS domains,
        coalesce(incoming.stage, held.stage) AS stage,
        coalesce(incoming.segment, held.segment) AS segment,
        coalesce(incoming.tags, held.tags) AS tags,
        coalesce(incoming.time_zone, held.time_zone) AS time_zone,
        coalesce(incoming.language, held.language) AS language,
        coalesce(incoming.currency, held.currency) AS currency,
        coalesce(incoming.owner_id, held.owner_id) AS owner_id,
        CASE WHEN incoming.owner_id IS NULL THEN held.pool_id END AS pool_id,
        coalesce(incoming.customer_since, held.customer_since) AS customer_since
    FROM incoming JOIN crm_account AS held USING (external_id)
), changed AS (
    UPDATE crm_account AS held SET
        name = wanted.name,
        -- So that a late group call does not undo what the file says.
        name_at = CASE WHEN held.name = wanted.name THEN held.name_at ELSE %(at)s END,
        domains = wanted.domains, stage = wanted.stage, segment = wanted.segment, tags = wanted.tags,
        time_zone = wanted.time_zone, language = wanted.language, currency = wanted.currency,
        owner_id = wanted.owner_id, pool_id = wanted.pool_id, customer_since = wanted.customer_since
    FROM wanted
    WHERE wanted.id = held.id
        AND (held.name, held.domains::text[], held.stage, held.segment, held.tags::text[], held.time_zone, held.language,
            held.currency, held.owner_id, held.pool_id, held.customer_since)
        IS DISTINCT FROM (wanted.name, wanted.domains::text[], wanted.stage, wanted.segment, wanted.tags::text[],
            wanted.time_zone, wanted.language, wanted.currency, wanted.owner_id, wanted.pool_id, wanted.customer_since)
    RETURNING held.id, held.external_id, held.owner_id
), added AS (
    INSERT INTO crm_account (external_id, name, name_at, domains, stage, segment, tags, time_zone, language, currency,
        owner_id, pool_id, restricted, customer_since, next_step, created_at)
    SELECT incoming.external_id, coalesce(incoming.name, incoming.external_id), %(at)s,
        coalesce(incoming.domains, '{}'), coalesce(incoming.stage, 'live'), coalesce(incoming.segment, ''),
        coalesce(incoming.tags, '{}'), coalesce(incoming.time_zone, 'UTC'), coalesce(incoming.language, 'en'),
        coalesce(incoming.currency, (SELECT currency FROM crm_installation WHERE id = 1), 'EUR'),
        incoming.owner_id, NULL, false, incoming.customer_since, '', %(at)s
    FROM incoming
    WHERE NOT EXISTS (SELECT FROM crm_account AS held WHERE held.external_id = incoming.external_id)
    RETURNING id, external_id, owner_id
), handed_over AS (
    INSERT INTO crm_ownerchange (account_id, owner_id, from_at)
    SELECT changed.id, changed.owner_id, %(at)s
    FROM changed JOIN wanted USING (id)
    WHERE changed.owner_id IS DISTINCT FROM wanted.owned_by
    UNION ALL
    SELECT added.id, added.owner_id, %(at)s FROM added WHERE added.owner_id IS NOT NULL
)
SELECT incoming.line, touched.id, touched.is_new
FROM (SELECT id, external_id, true AS is_new FROM added UNION ALL SELECT id, external_id, false FROM changed) AS touched
JOIN incoming USING (external_id)

-- append_traits.sql — Grain one row per account of the chunk that got a value · Reads %(rows)s (JSON), crm_account,
-- crm_trait · Writes crm_trait
-- Safe to run twice: a value that holds already is not appended again.
WITH incoming AS (
    SELECT account.id AS account_id, row.line, value.*
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(line bigint, external_id text, traits jsonb)
    CROSS JOIN jsonb_to_recordset(row.traits) AS value(
        definition_id bigint, number numeric, text text, flag boolean, day date)
    JOIN crm_account AS account ON account.external_id = row.external_id
), appended AS (
    INSERT INTO crm_trait (account_id, definition_id, at, recorded_at, number, text, flag, day)
    SELECT incoming.account_id, incoming.definition_id, %(at)s, %(at)s,
        incoming.number, incoming.text, incoming.flag, incoming.day
    FROM incoming
    LEFT JOIN LATERAL (
        SELECT held.* FROM crm_trait AS held
        WHERE held.account_id = incoming.account_id AND held.definition_id = incoming.definition_id
        ORDER BY held.at DESC LIMIT 1
    ) AS held ON true
    WHERE held.id IS NULL
        OR (held.number, held.text, held.flag, held.day)
            IS DISTINCT FROM (incoming.number, incoming.text, incoming.flag, incoming.day)
    ON CONFLICT (account_id, definition_id, at) DO NOTHING
    RETURNING account_id
)
SELECT DISTINCT incoming.line, account_id, false FROM appended JOIN incoming USING (account_id)

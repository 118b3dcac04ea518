-- upsert_contacts.sql — Grain one row per contact of the chunk that was added or changed · Reads %(rows)s (JSON),
-- crm_contact · Writes crm_contact
-- Safe to run twice: the second run finds every contact as the file says. A contact is known by its external id,
-- else by its address inside the account, else (when the file gives neither) by its name among those without one.
WITH incoming AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(
        line bigint, account_id bigint, external_id text, name text, name_given boolean, email text, job_title text, phone text,
        role text, language text, time_zone text, left_on date, audit_key text)
), matched AS MATERIALIZED (
    SELECT incoming.*, coalesce(by_id.id, by_email.id, by_name.id) AS contact_id
    FROM incoming
    LEFT JOIN crm_contact AS by_id
        ON by_id.account_id = incoming.account_id AND by_id.external_id = incoming.external_id
    LEFT JOIN crm_contact AS by_email
        ON by_email.account_id = incoming.account_id AND lower(by_email.email) = lower(incoming.email)
        AND (incoming.external_id IS NULL OR by_email.external_id IS NULL)
    LEFT JOIN LATERAL (
        SELECT contact.id FROM crm_contact AS contact
        WHERE contact.account_id = incoming.account_id AND contact.email = '' AND contact.erased_at IS NULL
            AND contact.merged_into_id IS NULL
            AND lower(contact.name) = lower(incoming.name)
            AND incoming.email IS NULL AND incoming.external_id IS NULL
        ORDER BY contact.id LIMIT 1
    ) AS by_name ON true
), wanted AS MATERIALIZED (
    SELECT matched.line, held.id,
        coalesce(matched.external_id, held.external_id) AS external_id,
        CASE WHEN matched.name_given THEN matched.name ELSE held.name END AS name,
        coalesce(matched.email, held.email) AS email,
        coalesce(matched.job_title, held.job_title) AS job_title,
        coalesce(matched.phone, held.phone) AS phone,
        coalesce(matched.role, held.role) AS role,
        coalesce(matched.language, held.language) AS language,
        coalesce(matched.time_zone, held.time_zone) AS time_zone,
        coalesce(matched.left_on, held.left_on) AS left_on
    FROM matched JOIN crm_contact AS held ON held.id = matched.contact_id
    WHERE held.erased_at IS NULL
), changed AS (
    UPDATE crm_contact AS held SET external_id = wanted.external_id, name = wanted.name, email = wanted.email,
        job_title = wanted.job_title, phone = wanted.phone, role = wanted.role, language = wanted.language,
        time_zone = wanted.time_zone, left_on = wanted.left_on
    FROM wanted
    WHERE wanted.id = held.id
        AND (held.external_id, held.name, held.email, held.job_title, held.phone, held.role, held.language,
            held.time_zone, held.left_on)
        IS DISTINCT FROM (wanted.external_id, wanted.name, wanted.email, wanted.job_title, wanted.phone, wanted.role,
            wanted.language, wanted.time_zone, wanted.left_on)
    RETURNING held.id
), added AS (
    INSERT INTO crm_contact (account_id, external_id, name, email, job_title, phone, role, language, time_zone, left_on,
        audit_key, created_at)
    SELECT matched.account_id, matched.external_id, matched.name, coalesce(matched.email, ''),
        coalesce(matched.job_title, ''), coalesce(matched.phone, ''), coalesce(matched.role, 'user'),
        coalesce(matched.language, ''), coalesce(matched.time_zone, ''), matched.left_on,
        decode(matched.audit_key, 'hex'), %(at)s
    FROM matched WHERE matched.contact_id IS NULL
    RETURNING id, account_id, audit_key
)
SELECT matched.line, added.id, true AS is_new
FROM added JOIN matched ON matched.contact_id IS NULL AND matched.account_id = added.account_id
    AND matched.audit_key = encode(added.audit_key, 'hex')
UNION ALL
SELECT wanted.line, changed.id, false FROM changed JOIN wanted USING (id)

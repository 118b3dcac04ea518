-- behind_answers.sql — Grain one row per person of the account who has answered a survey by the end of %(day)s · Reads
-- feedback_answer, crm_contact, crm_account · Writes nothing
-- Safe to run twice: it only reads. What each said last, as kind_survey.sql has it; whether it still counts is told apart.
SELECT contact.id, contact.name, last.score, (last.answered_at AT TIME ZONE 'UTC')::date AS "on",
    last.answered_at >= (%(day)s::date - %(valid)s::int)::timestamp AT TIME ZONE 'UTC' AS counts
FROM (
    SELECT DISTINCT ON (contact_id) contact_id, score, answered_at
    FROM feedback_answer
    WHERE account_id = ANY (ARRAY(SELECT id FROM crm_account WHERE id = %(account)s OR merged_into_id = %(account)s))
        AND set_aside = '' AND answered_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
    ORDER BY contact_id, answered_at DESC, id DESC
) AS last
JOIN crm_contact AS contact ON contact.id = last.contact_id
ORDER BY last.answered_at DESC, contact.id

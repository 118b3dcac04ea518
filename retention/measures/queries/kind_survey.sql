-- kind_survey.sql — Grain one row per account of which somebody has answered a survey lately · Reads feedback_answer,
-- crm_account · Writes nothing
-- Safe to run twice: it only reads. The mean of what each person answered last, from 0 to 10; what is older than its
-- validity, or set aside, does not count. What a file brought is of the day on which it was answered.
SELECT last.account_id, avg(last.score) AS found, count(*) AS base
FROM (
    SELECT DISTINCT ON (held.contact_id) coalesce(own.merged_into_id, own.id) AS account_id, held.score, held.answered_at
    FROM feedback_answer AS held
    JOIN crm_account AS own ON own.id = held.account_id
    WHERE held.set_aside = '' AND held.answered_at < (%(as_of)s::date + 1)::timestamp AT TIME ZONE 'UTC'
        AND (%(known)s::timestamptz IS NULL OR held.answered_at <= %(known)s) /*theirs*/
    ORDER BY held.contact_id, held.answered_at DESC, held.id DESC
) AS last
WHERE last.answered_at >= (%(as_of)s::date - /*valid*/)::timestamp AT TIME ZONE 'UTC'
GROUP BY last.account_id

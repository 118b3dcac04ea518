-- draw.sql — Grain one row per contact of the audience neither erased nor merged away · Reads audience, crm_contact, crm_account,
-- crm_subscriptionchange, crm_usage_day, crm_eventname, crm_hold, crm_consent, crm_reservation, crm_outboundmail, feedback_wave,
-- feedback_invitation · Writes nothing
-- Safe to run twice: the same facts and the same seed draw the same people. reason: a key of REASONS, empty for those to be
-- asked; place: the order in which those who could be asked are drawn, null for all others. Merged accounts count as one.
WITH audience (id) AS (
    /*audience*/
), member AS (
    SELECT own.id AS account_id, customer.id AS customer_id, customer.stage, customer.segment, customer.customer_since
    FROM crm_account AS own
    JOIN crm_account AS customer ON customer.id = coalesce(own.merged_into_id, own.id)
    JOIN audience ON audience.id = customer.id
), person AS (
    SELECT contact.id, contact.account_id, contact.role, contact.email, contact.left_on, member.customer_id,
        member.stage, member.segment, member.customer_since,
        md5(%(seed)s || ':' || contact.id) AS lot
    FROM crm_contact AS contact
    JOIN member ON member.account_id = contact.account_id
    WHERE contact.erased_at IS NULL AND contact.merged_into_id IS NULL
), paying AS (
    SELECT member.customer_id, min(change.effective_on) AS since
    FROM crm_subscriptionchange AS change
    JOIN member ON member.account_id = change.account_id
    WHERE change.price > 0
    GROUP BY 1
), used AS (
    SELECT member.customer_id, sum(day.uses) AS uses
    FROM crm_usage_day AS day
    JOIN crm_eventname AS event ON event.id = day.event_id AND event.is_use
    JOIN member ON member.account_id = day.account_id
    WHERE day.day >= %(day)s::date - 28 AND day.day < %(day)s::date
    GROUP BY 1
), holding AS (
    SELECT DISTINCT member.customer_id
    FROM crm_hold AS hold
    JOIN member ON member.account_id = hold.account_id
    WHERE hold.from_at <= %(at)s AND (hold.until_at IS NULL OR hold.until_at > %(at)s)
), said AS (
    SELECT DISTINCT ON (contact_id) contact_id, given
    FROM crm_consent
    WHERE purpose = 'survey'
    ORDER BY contact_id, "on" DESC, id DESC
), asked AS (
    -- A mail that is known not to have gone out asked nobody.
    SELECT invitation.contact_id, max(invitation.created_at) AS by_any,
        max(invitation.created_at) FILTER (WHERE wave.survey_id = %(survey)s) AS by_this
    FROM feedback_invitation AS invitation
    JOIN feedback_wave AS wave ON wave.id = invitation.wave_id
    LEFT JOIN crm_outboundmail AS mail ON mail.id = invitation.mail_id
    WHERE mail.state IS NULL OR mail.state NOT IN ('failed', 'cancelled', 'suppressed', 'returned')
    GROUP BY 1
), spent AS (
    SELECT account_id, contact_id, count(*) AS mails
    FROM crm_reservation
    WHERE state = 'reserved' OR (state = 'confirmed' AND at > %(at)s - make_interval(days => %(window)s))
    GROUP BY 1, 2
), account_spent AS (
    SELECT account_id, sum(mails) AS mails FROM spent GROUP BY 1
), contact_spent AS (
    SELECT contact_id, sum(mails) AS mails FROM spent GROUP BY 1
), refused AS (
    SELECT * FROM unnest(%(refused)s::bigint[], %(refusals)s::text[]) AS refused (contact_id, reason)
), judged AS (
    SELECT person.*, %(per_account)s - coalesce(account_spent.mails, 0) AS account_left,
        CASE
            WHEN person.left_on IS NOT NULL THEN 'left'
            WHEN person.email = '' THEN 'no_address'
            WHEN refused.reason IS NOT NULL THEN refused.reason
            WHEN NOT said.given THEN 'withdrawn'
            WHEN person.role = 'billing' THEN 'role'
            WHEN person.stage <> 'live' THEN 'not_live'
            WHEN coalesce(person.customer_since, paying.since) IS NULL AND %(tenure)s > 0 THEN 'since_unknown'
            WHEN %(day)s::date - coalesce(person.customer_since, paying.since) < %(tenure)s THEN 'new'
            WHEN coalesce(used.uses, 0) < %(uses)s THEN 'little_use'
            WHEN holding.customer_id IS NOT NULL THEN 'held'
            WHEN asked.by_this > %(at)s - make_interval(days => %(cooldown)s)
                OR asked.by_any > %(at)s - make_interval(days => %(any_cooldown)s) THEN 'asked_recently'
            WHEN contact_spent.mails >= %(per_contact)s THEN 'contact_budget'
            ELSE ''
        END AS reason
    FROM person
    LEFT JOIN refused ON refused.contact_id = person.id
    LEFT JOIN said ON said.contact_id = person.id
    LEFT JOIN paying ON paying.customer_id = person.customer_id
    LEFT JOIN used ON used.customer_id = person.customer_id
    LEFT JOIN holding ON holding.customer_id = person.customer_id
    LEFT JOIN asked ON asked.contact_id = person.id
    LEFT JOIN account_spent ON account_spent.account_id = person.account_id
    LEFT JOIN contact_spent ON contact_spent.contact_id = person.id
), turned AS (
    SELECT judged.*, row_number() OVER (PARTITION BY customer_id ORDER BY lot, id) AS turn,
        row_number() OVER (PARTITION BY account_id ORDER BY lot, id) AS account_turn
    FROM judged
    WHERE reason = ''
), ranked AS (
    -- One person per customer comes first; among those each segment is drawn in proportion: the k-th of n stands at (k − ½) / n.
    SELECT id, customer_id, turn, lot,
        (row_number() OVER (PARTITION BY turn, segment ORDER BY lot, id) - 0.5)
            / count(*) OVER (PARTITION BY turn, segment) AS standing
    FROM turned
    WHERE account_turn <= account_left
), placed AS (
    SELECT id, row_number() OVER (ORDER BY turn, standing, lot, id) AS place, customer_id
    FROM ranked
), drawn AS (
    SELECT DISTINCT customer_id FROM placed WHERE place <= %(target)s
)
SELECT judged.id AS contact_id, judged.account_id, judged.customer_id, judged.segment, placed.place,
    CASE
        WHEN judged.reason <> '' THEN judged.reason
        WHEN judged.account_left <= 0 THEN 'account_budget'
        WHEN placed.place <= %(target)s THEN ''
        WHEN drawn.customer_id IS NOT NULL THEN 'colleague'
        ELSE 'not_drawn'
    END AS reason
FROM judged
LEFT JOIN placed ON placed.id = judged.id
LEFT JOIN drawn ON drawn.customer_id = judged.customer_id

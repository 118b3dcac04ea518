-- open_promises.sql — Grain one row per open promise to the accounts `mine.ids` around it, the earliest %(tasks)s by the day
-- they are due · Reads crm_promise, crm_contact, crm_user · Writes nothing
-- Safe to run twice: it only reads.
SELECT promise.id, promise.text, promise.due_on, coalesce(contact.name, '') AS contact, coalesce(maker.name, '') AS maker
FROM crm_promise AS promise
LEFT JOIN crm_contact AS contact ON contact.id = promise.contact_id
LEFT JOIN crm_user AS maker ON maker.id = promise.promised_by_id
WHERE promise.account_id = ANY (mine.ids) AND promise.state = 'open'
ORDER BY promise.due_on, promise.id
LIMIT %(tasks)s

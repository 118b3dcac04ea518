-- of_accounts.sql — Grain one row per account of %(accounts)s and reason of its contacts · Reads draw · Writes nothing
-- Safe to run twice: it only reads. Those who would be asked come first, then the others, the most of them first;
-- contacts: the first %(named)s of them.
SELECT customer_id, reason, count(*) AS people, (array_agg(contact_id ORDER BY contact_id))[:%(named)s] AS contacts
FROM (/*draw*/) AS draw
WHERE customer_id = ANY (%(accounts)s)
GROUP BY customer_id, reason
ORDER BY customer_id, reason <> '', people DESC, reason

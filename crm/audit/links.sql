-- links.sql — Grain one row per seal, in the order of the chain, at most %(limit)s after position %(after)s; the columns of the row
-- it holds, null where that row is gone · Reads crm_auditseal, crm_auditrow · Writes nothing
-- Safe to run twice: it only reads.
SELECT seal.position, seal.row_id, seal.digest, row.id, row.at, row.actor_kind, row.actor_id, row.actor_label, row.on_behalf_of,
    row.action, row.object_kind, row.object_id, row.object_label, row.before, row.after
FROM crm_auditseal AS seal
LEFT JOIN crm_auditrow AS row ON row.id = seal.row_id
WHERE seal.position > %(after)s
ORDER BY seal.position
LIMIT %(limit)s

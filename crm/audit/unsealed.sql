-- unsealed.sql — Grain one row: the lowest id that stands among sealed rows without a seal (null: none does), and how many rows wait
-- for theirs · Reads crm_auditrow, crm_auditseal · Writes nothing
-- Safe to run twice: it only reads. What lies within %(again)s ids below the newest sealed one may still be on its way.
WITH newest AS (
    SELECT coalesce(max(row_id), 0) AS id FROM crm_auditseal
)
SELECT min(row.id) FILTER (WHERE row.id <= newest.id - %(again)s), count(*) FILTER (WHERE row.id > newest.id - %(again)s)
FROM newest
LEFT JOIN crm_auditrow AS row ON NOT EXISTS (SELECT FROM crm_auditseal AS seal WHERE seal.row_id = row.id)

-- sealable.sql — Grain one row per committed row of the record that no seal holds yet, by id, at most %(limit)s · Reads
-- crm_auditrow, crm_auditseal, pg_stat_activity · Writes nothing
-- Safe to run twice: it only reads. Ids are given out before they are committed, so a lower one may still be on its way: only rows
-- older than every running transaction of this database count (a snapshot's xmin would wait for those of other databases too). The
-- rows just below the newest sealed id are looked at again, for an id that was given out before its transaction was numbered. xmin is
-- compared by age, since it wraps around after four thousand million transactions.
WITH newest AS (
    SELECT coalesce(max(row_id), 0) AS id FROM crm_auditseal
)
SELECT row.id, row.at, row.actor_kind, row.actor_id, row.actor_label, row.on_behalf_of, row.action, row.object_kind, row.object_id,
    row.object_label, row.before, row.after
FROM crm_auditrow AS row, newest
WHERE row.id > newest.id - %(again)s
    AND age(row.xmin) > (
        SELECT coalesce(max(age(running.backend_xid)), -1) FROM pg_stat_activity AS running
        WHERE running.datname = current_database() AND running.pid <> pg_backend_pid()
    )
    AND NOT EXISTS (SELECT FROM crm_auditseal AS seal WHERE seal.row_id = row.id)
ORDER BY row.id
LIMIT %(limit)s

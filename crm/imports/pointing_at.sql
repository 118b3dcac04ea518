-- pointing_at.sql — Grain one row per foreign key onto the ids of one table · Reads the catalogue · Writes nothing
-- Safe to run twice: it only reads. Partitions are left to their parents.
SELECT pointing.relname, attribute.attname
FROM pg_constraint AS fk
JOIN pg_class AS pointing ON pointing.oid = fk.conrelid
JOIN pg_attribute AS attribute ON attribute.attrelid = fk.conrelid AND attribute.attnum = fk.conkey[1]
WHERE fk.contype = 'f' AND fk.confrelid = %(table)s::regclass AND NOT pointing.relispartition
ORDER BY 1, 2

-- as_recorded.sql — Grain the rows of a table of the book that were recorded by %(known)s; of an account of which none was,
-- all (imported history) · Reads the table · Writes a temporary table of the same name, which stands in for it
-- Safe to run twice: the temporary table is gone with the savepoint in which it was made.
CREATE TEMP TABLE /*table*/ (LIKE /*table*/ INCLUDING INDEXES) ON COMMIT DROP;
INSERT INTO pg_temp./*table*/
SELECT held.*
FROM /*own*/./*table*/ AS held
WHERE held.recorded_at <= %(known)s
    OR held.account_id NOT IN (SELECT account_id FROM /*own*/./*table*/ WHERE recorded_at <= %(known)s)

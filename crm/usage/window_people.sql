-- window_people.sql — Grain one row per account and person with flagged uses in the longest window · Reads
-- crm_person_day (or the redone accounts' part of it) · Writes nothing; the caller fills crm_window_person from it
-- Safe to run twice: it is a function of the days in [%(day)s − W, %(day)s). No measure compares people with the window
-- before, so it is not read. Columns of a window that nobody uses are null.
SELECT /*account*/ AS account_id, used.person_id,
    /*sums*/
    max(used.day) AS last_day
FROM /*days*/
WHERE used.day >= %(day)s::date - /*reach*/ AND used.day < %(day)s::date /*half*/
GROUP BY /*account*/, used.person_id

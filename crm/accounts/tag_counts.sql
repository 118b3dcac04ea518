-- tag_counts.sql — Grain one row per tag in use, the most used first, at most 500 · Reads crm_account · Writes nothing
-- Safe to run twice: it only reads.
SELECT tag, count(*) AS accounts
FROM crm_account CROSS JOIN LATERAL unnest(tags) AS tag
WHERE tags <> '{}' AND merged_into_id IS NULL
GROUP BY tag
ORDER BY accounts DESC, tag
LIMIT 500

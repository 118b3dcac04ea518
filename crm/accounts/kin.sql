-- kin.sql — Grain one row per account above %(account)s (depth below 0), itself (0) and below it (1 to 3) · Reads crm_account
-- Safe to run twice: it only reads. At most 20 steps up and 100 rows, so that even a circle of old data ends.
WITH RECURSIVE above AS (
    SELECT id, parent_id, 0 AS depth FROM crm_account WHERE id = %(account)s
    UNION ALL
    SELECT up.id, up.parent_id, above.depth - 1 FROM crm_account AS up JOIN above ON up.id = above.parent_id
    WHERE above.depth > -20 AND up.id <> %(account)s
), below AS (
    SELECT id, 0 AS depth, ARRAY[lower(name)] AS place FROM crm_account WHERE id = %(account)s
    UNION ALL
    SELECT down.id, below.depth + 1, below.place || lower(down.name)
    FROM crm_account AS down JOIN below ON down.parent_id = below.id
    WHERE below.depth < 3 AND down.id <> %(account)s
), tree AS (
    SELECT id, depth, '{}'::text[] AS place FROM above WHERE depth < 0
    UNION ALL
    SELECT id, depth, place FROM below
)
SELECT account.id, account.name, tree.depth
FROM tree JOIN crm_account AS account USING (id)
WHERE account.id IN (/*accounts*/)
ORDER BY tree.depth >= 0, CASE WHEN tree.depth < 0 THEN tree.depth END, tree.place, account.id
LIMIT 100

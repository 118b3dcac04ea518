-- moved.sql — Grain one row per account that the draft puts into another band, by account, at most %(limit)s after
-- %(after)s · Reads the accounts the reader sees, verdict, retention_score_now · Writes nothing
-- Safe to run twice: it only reads. Null: not judged now, or unknown by the draft.
SELECT account.id, account.name, held.band, held.points, new.band, new.points
FROM verdict AS new
JOIN (/*accounts*/) AS account ON account.id = new.account_id
LEFT JOIN retention_score_now AS held ON held.account_id = new.account_id
WHERE held.band IS DISTINCT FROM new.band AND account.id > %(after)s
ORDER BY account.id
LIMIT %(limit)s

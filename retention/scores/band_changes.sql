-- band_changes.sql — Grain one row per account of verdict whose band is not the one that stands · Reads verdict,
-- retention_score_now, crm_account, overrides · Writes nothing
-- Safe to run twice: it only reads; once the verdict is kept, it finds nothing.
SELECT account.id, account.external_id, held.band, coalesce(by_hand.band, new.band), held.points, new.points
FROM verdict AS new
JOIN retention_score_now AS held ON held.account_id = new.account_id
LEFT JOIN (/*overrides*/) AS by_hand ON by_hand.account_id = new.account_id
JOIN crm_account AS account ON account.id = new.account_id
WHERE held.band <> coalesce(by_hand.band, new.band)
ORDER BY account.id

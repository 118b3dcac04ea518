-- outlook.sql — Grain one value, for the row `account` around it: what is expected of its nearest renewal; null or empty:
-- nothing yet · Reads retention_forecast · Writes nothing
-- Safe to run twice: it only reads.
SELECT category FROM retention_forecast WHERE account_id = account.id AND renews_on >= %(day)s
ORDER BY renews_on, id DESC LIMIT 1

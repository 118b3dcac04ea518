-- forget_readings.sql — Grain one row per account that is no longer judged · Reads fresh · Writes retention_score_reading
-- Safe to run twice: what is gone stays gone. Gone accounts keep their last score, but nobody is ranked among them.
DELETE FROM retention_score_reading AS held
WHERE NOT EXISTS (SELECT FROM fresh WHERE fresh.account_id = held.account_id) /*only*/

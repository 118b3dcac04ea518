-- note_draw.sql — Grain one row per contact to be asked, in the order of the draw · Reads draw · Writes feedback_notasked
-- Safe to run twice: a contact that the wave %(wave)s has left out already stays as it is. Everyone else gets a reason row here,
-- from the same snapshot; eligible is the same on every row.
WITH draw AS (/*draw*/), silent AS (
    INSERT INTO feedback_notasked (wave_id, account_id, contact_id, reason)
    SELECT %(wave)s, account_id, contact_id, reason FROM draw WHERE reason <> ''
    ON CONFLICT (wave_id, contact_id) DO NOTHING
)
SELECT contact_id, (SELECT count(place) FROM draw) AS eligible
FROM draw
WHERE reason = ''
ORDER BY place

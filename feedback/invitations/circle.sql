-- circle.sql — Grain one row per reason and segment of a draw · Reads draw · Writes nothing
-- Safe to run twice: it only reads. eligible: how many of them could be asked; first: the contact drawn first among them.
SELECT reason, segment, count(*) AS people, count(place) AS eligible,
    (array_agg(contact_id ORDER BY place) FILTER (WHERE reason = ''))[1] AS first, min(place) AS first_place
FROM (/*draw*/) AS draw
GROUP BY reason, segment
ORDER BY segment, reason

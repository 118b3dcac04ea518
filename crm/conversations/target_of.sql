-- target_of.sql — Grain one row: the open minutes within which the accounts %(accounts)s expect a first answer in the channel
-- %(channel)s, null: no clock · Reads crm_responsetarget, the terms paid on %(day)s · Writes nothing
-- Safe to run twice: it only reads. A plan's own target goes before the one for any plan; of several the shortest holds.
SELECT coalesce(
    (SELECT min(target.minutes) FROM crm_responsetarget AS target
        JOIN (/*term*/) AS term ON term.plan_id = target.plan_id
        WHERE target.channel = %(channel)s AND term.from_on <= %(day)s AND %(day)s < term.until_on),
    (SELECT minutes FROM crm_responsetarget WHERE channel = %(channel)s AND plan_id IS NULL))

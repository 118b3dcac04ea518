-- targets_of.sql — Grain one row for each place of the lists %(asked)s, %(channels)s and %(days)s, in their order: the open minutes
-- within which that account expects a first answer in that channel on that day, null: no clock · Reads crm_responsetarget, the
-- terms of %(accounts)s · Writes nothing
-- Safe to run twice: it only reads. A plan's own target goes before the one for any plan; of several the shortest holds.
WITH paid AS MATERIALIZED (/*term*/)
SELECT coalesce(
    (SELECT min(target.minutes) FROM crm_responsetarget AS target JOIN paid ON paid.plan_id = target.plan_id
        WHERE target.channel = wanted.channel AND paid.account_id = wanted.account
            AND paid.from_on <= wanted.day AND wanted.day < paid.until_on),
    (SELECT minutes FROM crm_responsetarget WHERE channel = wanted.channel AND plan_id IS NULL))
FROM unnest(%(asked)s::bigint[], %(channels)s::text[], %(days)s::date[]) WITH ORDINALITY AS wanted (account, channel, day, place)
ORDER BY wanted.place

-- kind_onboarding.sql — Grain one row per account in onboarding of which milestones are due · Reads onboardings as they stood ·
-- Writes nothing
-- Safe to run twice: it only reads. Of the milestones due by that day, the share that is reached. Whoever has completed its
-- onboarding, or given it up, is no longer judged by it.
SELECT held.account_id, held.met::numeric / held.expected AS found, held.expected AS base
FROM (/*onboarding*/) AS held
WHERE held.state IN ('on_track', 'behind', 'stuck') AND held.expected > 0

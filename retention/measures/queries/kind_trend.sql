-- kind_trend.sql — Grain an aggregate over one account's features · Reads used · Writes nothing
-- Safe to run twice: it only reads. Change against the window before as a share; null without a baseline.
(sum(used./*size*/) FILTER (WHERE /*chosen*/))::numeric
    / nullif(sum(used./*size before*/) FILTER (WHERE /*chosen*/), 0) - 1

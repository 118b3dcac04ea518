-- kind_reach.sql — Grain an aggregate over one account's features · Reads used · Writes nothing
-- Safe to run twice: it only reads. What was done of the chosen feature, or the uses of all mapped features.
sum(used./*size*/) FILTER (WHERE /*chosen*/)/*unit*/

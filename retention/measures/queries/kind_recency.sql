-- kind_recency.sql — Grain an aggregate over one account's features · Reads used · Writes nothing
-- Safe to run twice: it only reads. Days since the last use of the chosen feature, or of anything that counts as use.
%(as_of)s::date - max(used.last_day)/*if chosen*/

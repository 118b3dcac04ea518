-- trait_history.sql — Grain one row per trait row that held at the asked instant or came later · Reads crm_trait
-- Safe to run twice: it only reads.
SELECT held.*
FROM unnest(%(accounts)s::bigint[], %(definitions)s::bigint[], %(since)s::timestamptz[]) AS asked (account_id, definition_id, since_at)
JOIN LATERAL (
    SELECT trait.* FROM crm_trait AS trait
    WHERE trait.account_id = asked.account_id AND trait.definition_id = asked.definition_id
      AND trait.at >= coalesce(
          (SELECT max(earlier.at) FROM crm_trait AS earlier
           WHERE earlier.account_id = asked.account_id AND earlier.definition_id = asked.definition_id
             AND earlier.at <= asked.since_at),
          asked.since_at)
) AS held ON true
ORDER BY held.account_id, held.definition_id, held.at

-- kind_breadth.sql — Grain an aggregate over one account's features · Reads used, plan, judged · Writes nothing
-- Safe to run twice: it only reads. Key features of the paid plan with meaningful use. Use is scaled to the tenure, the
-- threshold to the window: uses × (W ÷ tenure) ≥ threshold × (W ÷ 28), without a division.
count(*) FILTER (WHERE plan.feature_id IS NOT NULL AND CASE WHEN plan.counts_amount
    THEN used.amount_/*w*/ * 28 >= plan.threshold * 1000000::numeric * least(judged.tenure, /*w*/)
    ELSE used.uses_/*w*/ * 28 >= plan.threshold::bigint * least(judged.tenure, /*w*/) END)

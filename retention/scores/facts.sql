-- facts.sql — Grain one value · Reads crm_feature, crm_plan, crm_plan_features, crm_eventname, crm_exchangerate,
-- crm_installation · Writes nothing
-- Safe to run twice: it only reads. A fingerprint of everything that changes scores, and figures, of many
-- accounts at once.
SELECT md5(concat_ws('|', 'with figures',
    (SELECT string_agg(concat_ws(',', id, is_key, counts_amount, threshold), ';' ORDER BY id) FROM crm_feature),
    (SELECT string_agg(concat_ws(',', id, includes_everything), ';' ORDER BY id) FROM crm_plan),
    (SELECT string_agg(concat_ws(',', plan_id, feature_id), ';' ORDER BY plan_id, feature_id) FROM crm_plan_features),
    (SELECT string_agg(concat_ws(',', id, feature_id, is_use), ';' ORDER BY id) FROM crm_eventname
        WHERE feature_id IS NOT NULL OR NOT is_use),
    (SELECT string_agg(concat_ws(',', currency, day, rate), ';' ORDER BY currency, day) FROM crm_exchangerate),
    (SELECT concat_ws(',', currency, paid_through) FROM crm_installation WHERE id = 1)))

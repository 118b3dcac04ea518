-- lists.sql — Grain one row of JSON lists, each null unless its parameter asks for it · Reads crm_traitdefinition, crm_user,
-- crm_team, crm_plan, crm_feature, crm_savedview · Writes nothing
-- Safe to run twice: it only reads.
SELECT
    CASE WHEN %(traits)s THEN (SELECT jsonb_agg(jsonb_build_array(key, label, type, unit, id) ORDER BY label, id)
        FROM crm_traitdefinition) END::text,
    CASE WHEN %(people)s THEN (SELECT jsonb_agg(jsonb_build_array(id::text, name) ORDER BY name, id)
        FROM crm_user WHERE role IN ('ops_admin', 'manager', 'rep')) END::text,
    CASE WHEN %(teams)s THEN (SELECT jsonb_agg(jsonb_build_array(id::text, name) ORDER BY name, id) FROM crm_team) END::text,
    CASE WHEN %(plans)s THEN (SELECT jsonb_agg(jsonb_build_array(id::text, name) ORDER BY name, id) FROM crm_plan) END::text,
    CASE WHEN %(features)s THEN (SELECT jsonb_agg(jsonb_build_array(id::text, name) ORDER BY name, id)
        FROM crm_feature) END::text,
    CASE WHEN %(views)s THEN (SELECT jsonb_agg(jsonb_build_array(view.id, view.name, view.query) ORDER BY view.name, view.id)
        FROM crm_savedview AS view JOIN crm_user AS maker ON maker.id = view.owner_id
        WHERE view.deleted_at IS NULL AND (view.owner_id = %(me)s OR view.shared = 'everyone'
            OR (view.shared = 'team' AND maker.team_id = %(my_team)s))) END::text

-- held_traits.sql — Grain one row per trait of the row `account` around it that holds at %(now)s · Reads crm_trait,
-- crm_traitdefinition · Writes nothing
-- Safe to run twice: it only reads. As current_traits has it: values of an earlier type of the trait do not count.
SELECT DISTINCT ON (trait.definition_id) trait.id AS trait, definition.id, definition.label, definition.unit, trait.number,
    trait.text, trait.flag, trait.day, trait.at
FROM crm_trait AS trait
JOIN crm_traitdefinition AS definition ON definition.id = trait.definition_id
WHERE trait.account_id = account.id AND trait.at <= %(now)s AND CASE definition.type WHEN 'number' THEN trait.number IS NOT NULL
    WHEN 'text' THEN trait.text IS NOT NULL WHEN 'flag' THEN trait.flag IS NOT NULL ELSE trait.day IS NOT NULL END
ORDER BY trait.definition_id, trait.at DESC

from django.db import migrations

# What an import writes to these is written down beside, so that it can be taken back (ADR 16).
TABLES = (
    "account",
    "ownerchange",
    "trait",
    "traitdefinition",
    "contact",
    "plan",
    "plan_features",
    "feature",
    "subscription",
    "subscriptionchange",
    "eventname",
    "person",
    "monthlytotal",
)

FORWARD = """
CREATE FUNCTION crm_note_effect() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO crm_importeffect (run_id, table_name, row_id, before, after)
    VALUES (nullif(current_setting('holdfast.import'), '0')::bigint, TG_TABLE_NAME, coalesce(NEW.id, OLD.id),
        to_jsonb(OLD), to_jsonb(NEW));
    RETURN NULL;
END $$;
"""


def trigger(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER note_effect AFTER INSERT OR UPDATE OR DELETE ON crm_{table} FOR EACH ROW"
        " WHEN (current_setting('holdfast.import', true) <> '') EXECUTE FUNCTION crm_note_effect()",
        f"DROP TRIGGER note_effect ON crm_{table}",
    )


class Migration(migrations.Migration):
    dependencies = [("crm", "0024_import_undo")]

    operations = [
        migrations.RunSQL(FORWARD, "DROP FUNCTION crm_note_effect()"),
        *(trigger(table) for table in TABLES),
    ]

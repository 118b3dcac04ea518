from django.db import migrations

# What an import of overrides and of features not needed writes is written down beside, so that it can be taken back
# (ADR 16).
TABLES = ("override", "notneeded")


def trigger(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER note_effect AFTER INSERT OR UPDATE OR DELETE ON retention_{table} FOR EACH ROW"
        " WHEN (current_setting('holdfast.import', true) <> '') EXECUTE FUNCTION crm_note_effect()",
        f"DROP TRIGGER note_effect ON retention_{table}",
    )


class Migration(migrations.Migration):
    dependencies = [("retention", "0018_rows_by_nobody"), ("crm", "0025_import_effects")]

    operations = [trigger(table) for table in TABLES]

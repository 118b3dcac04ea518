from django.db import migrations

# What an import of calendars' days and response targets writes is written down beside, so that it can be taken back
# (ADR 16).
TABLES = ("calendarday", "responsetarget")


def trigger(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER note_effect AFTER INSERT OR UPDATE OR DELETE ON crm_{table} FOR EACH ROW"
        " WHEN (current_setting('holdfast.import', true) <> '') EXECUTE FUNCTION crm_note_effect()",
        f"DROP TRIGGER note_effect ON crm_{table}",
    )


class Migration(migrations.Migration):
    dependencies = [("crm", "0060_search_by_week")]

    operations = [trigger(table) for table in TABLES]

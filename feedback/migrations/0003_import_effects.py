from django.db import migrations

# What an import of answers writes is written down beside, so that it can be taken back (ADR 16).
TABLES = ("survey", "surveytext", "wave", "invitation", "answer")


def trigger(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER note_effect AFTER INSERT OR UPDATE OR DELETE ON feedback_{table} FOR EACH ROW"
        " WHEN (current_setting('holdfast.import', true) <> '') EXECUTE FUNCTION crm_note_effect()",
        f"DROP TRIGGER note_effect ON feedback_{table}",
    )


class Migration(migrations.Migration):
    dependencies = [("feedback", "0002_survey_words"), ("crm", "0025_import_effects")]

    operations = [trigger(table) for table in TABLES]

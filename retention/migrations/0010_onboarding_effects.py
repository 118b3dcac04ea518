from django.db import migrations


class Migration(migrations.Migration):
    """What an import of milestones writes is written down beside, so that it can be taken back (ADR 16)."""

    dependencies = [("retention", "0009_scorecard_order"), ("crm", "0025_import_effects")]

    operations = [
        migrations.RunSQL(
            "CREATE TRIGGER note_effect AFTER INSERT OR UPDATE OR DELETE ON retention_milestonereach FOR EACH ROW"
            " WHEN (current_setting('holdfast.import', true) <> '') EXECUTE FUNCTION crm_note_effect()",
            "DROP TRIGGER note_effect ON retention_milestonereach",
        )
    ]

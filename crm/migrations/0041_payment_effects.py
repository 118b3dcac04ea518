from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("crm", "0040_payments")]

    # What an import writes is written down beside, so that it can be taken back (ADR 16).
    operations = [
        migrations.RunSQL(
            "CREATE TRIGGER note_effect AFTER INSERT OR UPDATE OR DELETE ON crm_payment FOR EACH ROW"
            " WHEN (current_setting('holdfast.import', true) <> '') EXECUTE FUNCTION crm_note_effect()",
            "DROP TRIGGER note_effect ON crm_payment",
        )
    ]

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("crm", "0055_goal_readings")]

    operations = [
        migrations.RunSQL(
            "CREATE TRIGGER goal_readings_append_only BEFORE UPDATE OR DELETE ON crm_goalreading"
            " FOR EACH ROW EXECUTE FUNCTION crm_refuse_change()",
            "DROP TRIGGER goal_readings_append_only ON crm_goalreading",
        )
    ]

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0035_conversations"),
    ]

    operations = [
        # A working day for mail, half of one for tickets and mentions, an hour for chats.
        migrations.RunSQL(
            "INSERT INTO crm_responsetarget (plan_id, channel, minutes) VALUES "
            "(NULL, 'mail', 480), (NULL, 'ticket', 240), (NULL, 'mention', 240), (NULL, 'chat', 60), (NULL, 'call', 240)",
            "DELETE FROM crm_responsetarget",
        ),
    ]

from django.db import migrations

# The table of Django's DatabaseCache, in which limits are counted for all processes.
CREATE = """
CREATE TABLE crm_cache (
    cache_key varchar(255) NOT NULL PRIMARY KEY,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE INDEX crm_cache_expires ON crm_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0012_sign_in")]
    operations = [migrations.RunSQL(CREATE, "DROP TABLE crm_cache")]

"""Make the usage tables partitioned, and the audit table append-only.

Django cannot declare partitions; the models' columns and keys stand in 0001 and stay as they are.
"""

from django.db import migrations

USAGE_TABLES = """
DROP TABLE crm_inbox_batch, crm_seen, crm_usage_day, crm_person_day;

CREATE TABLE crm_inbox_batch (
    received_on date NOT NULL,
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    received_at timestamptz NOT NULL,
    source_id bigint NOT NULL,
    call varchar(10) NOT NULL,
    body bytea NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    drained_at timestamptz,
    parked_at timestamptz,
    failed text NOT NULL DEFAULT '',
    PRIMARY KEY (received_on, id)
) PARTITION BY RANGE (received_on);
-- The drain's queue: only what still waits stands in it, so it stays small.
CREATE INDEX crm_inbox_batch_waiting ON crm_inbox_batch (received_at, id)
    WHERE drained_at IS NULL AND parked_at IS NULL;

CREATE TABLE crm_seen (
    key_day date NOT NULL,
    hash64 bigint NOT NULL,
    PRIMARY KEY (key_day, hash64)
) PARTITION BY RANGE (key_day);

CREATE TABLE crm_usage_day (
    account_id bigint NOT NULL,
    day date NOT NULL,
    event_id bigint NOT NULL,
    uses integer NOT NULL,
    amount numeric(30, 0) NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, day, event_id)
) PARTITION BY RANGE (day);

CREATE TABLE crm_person_day (
    account_id bigint NOT NULL,
    day date NOT NULL,
    person_id bigint NOT NULL,
    uses integer NOT NULL,
    PRIMARY KEY (account_id, day, person_id)
) PARTITION BY RANGE (day);

CREATE SEQUENCE crm_dirty_mark;
"""

PLAIN_TABLES = """
DROP SEQUENCE crm_dirty_mark;
DROP TABLE crm_inbox_batch, crm_seen, crm_usage_day, crm_person_day;
CREATE TABLE crm_inbox_batch (received_on date, id bigint, received_at timestamptz, source_id bigint, call varchar(10),
    body bytea, attempts smallint, drained_at timestamptz, parked_at timestamptz, failed text, PRIMARY KEY (received_on, id));
CREATE TABLE crm_seen (key_day date, hash64 bigint, PRIMARY KEY (key_day, hash64));
CREATE TABLE crm_usage_day (account_id bigint, day date, event_id bigint, uses integer, amount numeric(30, 0),
    PRIMARY KEY (account_id, day, event_id));
CREATE TABLE crm_person_day (account_id bigint, day date, person_id bigint, uses integer,
    PRIMARY KEY (account_id, day, person_id));
"""

APPEND_ONLY = """
CREATE FUNCTION crm_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: rows are never changed or deleted', TG_TABLE_NAME USING ERRCODE = '42501';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON crm_auditrow
    FOR EACH ROW EXECUTE FUNCTION crm_refuse_change();
CREATE TRIGGER audit_never_emptied BEFORE TRUNCATE ON crm_auditrow
    FOR EACH STATEMENT EXECUTE FUNCTION crm_refuse_change();
"""

CHANGEABLE = """
DROP TRIGGER audit_append_only ON crm_auditrow;
DROP TRIGGER audit_never_emptied ON crm_auditrow;
DROP FUNCTION crm_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0001_ground")]

    operations = [
        migrations.RunSQL(USAGE_TABLES, PLAIN_TABLES),
        migrations.RunSQL(APPEND_ONLY, CHANGEABLE),
    ]

"""Words that carry the week in which they were said, so that an index can be read week by week, the newest first.

Each function is one expression, resolved when it is made: an index may be built on them under any search path.
"""

from django.db import migrations

MAKE = r"""
CREATE FUNCTION crm_week(at timestamptz) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN floor(extract(epoch FROM at AT TIME ZONE 'UTC') / 604800)::integer;
-- Of a tsvector or a tsquery as text, whose words stand in quotes.
CREATE FUNCTION crm_of_week(words text, week integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN regexp_replace(words, '''((?:[^'']|'''')*)''', '''' || week || '/\1''', 'g');
CREATE FUNCTION crm_words_of_week(said text, at timestamptz) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN crm_of_week(to_tsvector('pg_catalog.simple', coalesce(said, ''))::text, crm_week(at))::tsvector;
"""
DROP = """
DROP FUNCTION crm_words_of_week(text, timestamptz);
DROP FUNCTION crm_of_week(text, integer);
DROP FUNCTION crm_week(timestamptz);
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0058_people_windows")]

    operations = [migrations.RunSQL(MAKE, DROP)]

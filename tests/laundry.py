"""Databases that several tests use one after the other, as if each were new.

A copy of a database costs some hundred files, which is more than most tests cost. So what a test leaves is washed
out instead, and only a database whose tables or rules were changed is thrown away.
"""

from contextlib import suppress

from tillkeeper.ops.embedded_postgres import Databases, EmbeddedPostgresError

uses_max = 100
"""Rows that were deleted stay in their files for a while, so a database is not used for ever."""

# All that makes a database what it is, apart from its rows.
FORM = " UNION ALL ".join(
    f"SELECT '{name}', count(*), max(xmin::text::bigint)::text FROM {name}"
    for name in [
        "pg_attribute",
        "pg_attrdef",
        "pg_class",
        "pg_constraint",
        "pg_default_acl",
        "pg_depend",
        "pg_extension",
        "pg_index",
        "pg_namespace",
        "pg_policy",
        "pg_proc",
        "pg_rewrite",
        "pg_trigger",
        "pg_type",
    ]
) + (
    " UNION ALL SELECT 'settings', count(*), string_agg(setconfig::text, ',') FROM pg_db_role_setting"
    " UNION ALL SELECT 'limits', datconnlimit, concat(datallowconn, datacl) FROM pg_database"
    " WHERE datname = current_database()"
)
TABLES = """
    SELECT oid::regclass AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
FIRST_ROWS = f"""
CREATE FUNCTION pg_temp.first_rows() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE each record; found json;
BEGIN
    FOR each IN {TABLES} LOOP
        EXECUTE format('SELECT json_agg(row) FROM %s AS row', each.name) INTO found;
        IF found IS NOT NULL THEN
            RETURN NEXT format(
                'INSERT INTO %s OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::%1$s, %L)',
                each.name, found
            );
        END IF;
    END LOOP;
END $$;
SELECT coalesce(string_agg(made, ';'), '') FROM pg_temp.first_rows() AS made
"""
WASH = f"""
SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid();
SET session_replication_role = replica;
DO $$
DECLARE each record; filled boolean;
BEGIN
    FOR each IN {TABLES} LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', each.name) INTO filled;
        IF filled THEN
            EXECUTE format('DELETE FROM %s', each.name);
        END IF;
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE last_value IS NOT NULL;
END $$;
"""


class Laundry:
    """Lend databases that look new."""

    def __init__(self, databases: Databases, template: str) -> None:
        self.databases = databases
        self.template = template
        self.first_rows = databases.run(FIRST_ROWS, database=template)
        self.form = databases.run(FORM, database=template)
        self.clean: list[tuple[str, int]] = []

    def take(self, name: str) -> tuple[str, int]:
        """Lend a database and say how often it was used; the name is for a new one."""
        if self.clean:
            return self.clean.pop()
        self.databases.clone(name, template=self.template)
        return name, 0

    def give_back(self, name: str, uses: int) -> None:
        """Wash a database for the next test, or throw it away."""
        if uses < uses_max and self._is_washed(name):
            self.clean.append((name, uses + 1))
        else:
            self.databases.drop(name)

    def _is_washed(self, name: str) -> bool:
        with suppress(EmbeddedPostgresError):
            return self.databases.run(f"{FORM};{WASH}{self.first_rows}", database=name).startswith(self.form)
        return False

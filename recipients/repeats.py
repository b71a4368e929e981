"""The same person in several rows of one file: the first row that was not refused counts.

Two rows are about one person if they share a phone or a LINE user id, also by way of the person we
hold. Only such rows are looked at one by one, in the order of the file.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

_ROWS = """
    SELECT line.row, COALESCE(held.phone, line.phone) AS phone,
           COALESCE(held.line_user_id, line.line_user_id) AS line_user_id
    FROM import_row line LEFT JOIN import_held held USING (row)
"""
_SEVERAL = f"""
    DROP TABLE IF EXISTS import_repeat;
    CREATE TEMP TABLE import_repeat (row integer, first integer, is_equal boolean);
    DROP TABLE IF EXISTS import_several;
    CREATE TEMP TABLE import_several AS
        SELECT phone AS key FROM ({_ROWS}) line
        WHERE phone IS NOT NULL GROUP BY phone HAVING count(*) > 1
        UNION ALL
        SELECT line_user_id FROM ({_ROWS}) line
        WHERE line_user_id IS NOT NULL GROUP BY line_user_id HAVING count(*) > 1
"""
_TO_LOOK_AT = f"""
    SELECT keyed.row, keyed.phone, keyed.line_user_id,
           md5(ROW(line.phone, line.line_user_id, line.consent, line.friend_status,
                   line.attributes)::text)
    FROM ({_ROWS}) keyed JOIN import_row line USING (row)
    WHERE keyed.phone IN (SELECT key FROM import_several)
       OR keyed.line_user_id IN (SELECT key FROM import_several)
    ORDER BY keyed.row
"""
_BATCH = 10_000


def find() -> None:
    """Fill `import_repeat` with the rows that are not the first of their person."""
    with connection.cursor() as cursor:
        cursor.execute(_SEVERAL)
        cursor.execute("SELECT EXISTS (SELECT 1 FROM import_several)")
        if not cursor.fetchone()[0]:
            return
        with transaction.atomic():
            raw: Any = cursor.cursor
            with raw.connection.cursor(name="import_repeats") as rows:
                rows.execute(_TO_LOOK_AT)
                _look_at(rows, raw)


def _look_at(rows: Any, writer: Any) -> None:
    first: dict[str, tuple[int, str]] = {}  # by phone and by LINE user id, of the rows that count
    while batch := rows.fetchmany(_BATCH):
        found = []
        for row, phone, line_user_id, content in batch:
            earlier = first.get(phone) or first.get(line_user_id)
            if earlier is not None:
                found.append((row, earlier[0], earlier[1] == content))
                continue
            for key in (phone, line_user_id):
                if key:
                    first[key] = (row, content)
        with writer.copy("COPY import_repeat FROM STDIN") as copy:
            for each in found:
                copy.write_row(each)

"""Opens a Parquet file as its readers do, and prints what each of them found as one JSON object.

    python3 read_parquet.py calls.parquet

DuckDB and Arrow must agree on every value; pandas must open it.
"""

import json
import sys

import duckdb
import pandas
import pyarrow.parquet

path = sys.argv[1]

table = pyarrow.parquet.read_table(path)
by_arrow = {row["contact_id"]: row for row in table.to_pylist()}

connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
relation = connection.execute("SELECT * FROM read_parquet(?)", [path])
names = [column[0] for column in relation.description]
by_duckdb = {row[0]: dict(zip(names, row)) for row in relation.fetchall()}


def plain(value):
    """Values of both libraries in one form."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    if hasattr(value, "timestamp"):
        return round(value.timestamp() * 1e6)
    return value.isoformat() if hasattr(value, "isoformat") else value


assert by_arrow.keys() == by_duckdb.keys()
for contact_id, row in by_arrow.items():
    assert plain(row) == plain(by_duckdb[contact_id]), f"not the same: {contact_id!r}"

questions = connection.execute(
    """
    SELECT count(*), count(DISTINCT contact_id), count(labels.sale_result),
           count(*) FILTER (list_contains(labels.call_type, 'complaint')),
           sum(len(topics)), max(started_at) > TIMESTAMPTZ '2000-01-01'
    FROM read_parquet(?)
    """,
    [path],
).fetchone()

print(
    json.dumps(
        {
            "rows": [plain(row) for row in by_arrow.values()],
            "types": {field.name: str(field.type) for field in table.schema},
            "described": all(b"description" in field.metadata for field in table.schema),
            "questions": questions,
            "pandas": len(pandas.read_parquet(path)),
        }
    )
)

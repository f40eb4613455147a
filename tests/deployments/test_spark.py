"""The Spark job that makes recsat's tables, on a local Spark. Needs pyspark and Java."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recsat_content.config import ContentConfig
from recsat_content.tables import read_tables

JOB = Path(__file__).parents[2] / "deployments" / "spark" / "tables.py"
FILMS = [
    {"id": "f1", "name": "Alpha", "released": 1999, "genres": ["Drama", "War"], "plot": "A beginning."},
    {"id": "f2", "name": "Omega", "released": 2001, "genres": ["Comedy"], "plot": "An end."},
    {"id": "f2", "name": "Omega", "released": 2001, "genres": ["Comedy"], "plot": "An end."},
]
LOG = [
    {"at": "2026-01-01T23:30:00Z", "viewer": "v1", "film": "f1", "action": "rated", "stars": 2.0},
    {"at": "2026-01-02T00:30:00Z", "viewer": "v1", "film": "f1", "action": "rated", "stars": 4.5},
    {"at": "2026-01-02T10:00:00+02:00", "viewer": "v2", "film": "f2", "action": "rated", "stars": 5.0},
    {"at": "2026-01-03T10:00:00Z", "viewer": "v2", "film": "f1", "action": "paused"},
]


@pytest.mark.slow
def test_raw_logs_become_tables_that_the_domain_reads(tmp_path: Path) -> None:
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("no Java on this machine, which Spark needs")
    raw, tables = tmp_path / "raw", tmp_path / "tables"
    for name, rows in (("catalogue", FILMS), ("log", LOG)):
        (raw / name).mkdir(parents=True)
        (raw / name / "0.json").write_text("\n".join(json.dumps(row) for row in rows))
    command = [sys.executable, str(JOB), str(raw), str(tables)]
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "TZ": "Asia/Shanghai", "PYSPARK_PYTHON": sys.executable}
    for _ in range(2):  # a second night of the same days changes nothing
        subprocess.run(command, check=True, env=environment, timeout=1200, capture_output=True)
    assert sorted(path.name for path in (tables / "events.parquet").glob("day=*")) == ["day=2026-01-02"]
    data = read_tables(ContentConfig(layout="tables", folder=str(tables)))
    assert data.quarantine.is_empty()
    assert data.items.sort("item_id")["title"].to_list() == ["Alpha", "Omega"]
    assert data.items.sort("item_id")["genres"].to_list() == [["Drama", "War"], ["Comedy"]]
    assert data.events.sort("user_id").select("user_id", "item_id", "value", "timestamp").rows() == [
        ("v1", "f1", 4.5, datetime(2026, 1, 2, 0, 30, tzinfo=UTC)),
        ("v2", "f2", 5.0, datetime(2026, 1, 2, 8, 0, tzinfo=UTC)),
    ]

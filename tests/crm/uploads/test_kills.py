"""The long work is killed again and again while it tries, applies and undoes files: every row is in once, then none."""

import json
import subprocess
import sys

import pytest
from django.db import connection


@pytest.mark.django_db(transaction=True)
def test_kills_in_every_step_take_no_row_twice_and_lose_none() -> None:
    """A shortened run of benchmarks/import_kills.py, with processes of its own on this test's database.

    Of 210 rows every seventh is refused, so 180 are in; 21 accounts were there, 3 of them on refused lines.
    """
    command = [sys.executable, "-m", "benchmarks.import_kills", "--rows", "210", "--kills", "2"]
    database = str(connection.settings_dict["NAME"])
    connection.close()  # with whatever lock of the long work a test before left on it: the processes would wait for it
    ran = subprocess.run([*command, "--database", database], capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    # Had no kill fallen into a step, the run would prove nothing.
    assert said.pop("kills") >= 6
    assert said == {
        "rows": 210, "progress_was_wrong": 0, "tables_not_as_before": [],
        "accounts_tried": ["checked", 162, 18, 30], "accounts_applied": ["applied", 162, 18, 180],
        "events_tried": ["checked", 180, 0, 30], "events_applied": ["applied", 180, 0, 180],
        "accounts_in": 180, "events_counted": 180,
        "events_undone": ["undone", 0], "accounts_undone": ["undone", 0],
    }  # fmt: skip

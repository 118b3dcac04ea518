"""Sending processes are killed again and again, and yet nobody gets two mails and none is lost."""

import json
import subprocess
import sys

import pytest
from django.db import connection


@pytest.mark.django_db(transaction=True)
def test_kills_send_nobody_two_mails_and_lose_none() -> None:
    """A shortened run of benchmarks/outbox_kills.py, with processes of its own on this test's database."""
    command = [sys.executable, "-m", "benchmarks.outbox_kills", "--people", "100", "--kills", "16"]
    database = str(connection.settings_dict["NAME"])
    ran = subprocess.run([*command, "--database", database], capture_output=True, text=True, check=False, timeout=240)
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    assert result["people_with_two_mails"] == 0
    assert result["sent_but_never_arrived"] == 0
    assert result["in_any_other_state"] == 0
    assert result["sent"] + result["unconfirmed"] == 100
    assert result["people_with_one_mail_at_the_end"] == 100
    # Had no kill fallen between handoff and answer, the run would prove nothing.
    assert result["kills"] >= 8 and result["unconfirmed"] >= 1

"""A second server: the same binaries on TCP under another locale, reached by DATABASE_URL, as production would be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from crm.lib.embedded_postgres import EmbeddedPostgres
from tests.live import free_port

ROOT = Path(settings.BASE_DIR)
# Migrations run to make the test database; sorting, case and search, then one walk down the chain.
TESTS = ["tests/flows/test_collation.py", "tests/retention/test_plays.py", "tests/crm/accounts/test_actions.py"]


def test_migrations_collation_and_the_chain_hold_on_a_server_with_another_locale(tmp_path: Path) -> None:
    if settings.DATABASE_URL:
        pytest.skip("this is the second server already")
    server = EmbeddedPostgres(
        tmp_path / "second", tcp_port=free_port(), initdb_args=["--locale-provider=libc", "--locale=C.utf8"]
    )
    url = server.start().url
    try:
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", *TESTS],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": url, "DEBUG": "1", "PYTEST_ADDOPTS": "", "PYTEST_XDIST_WORKER": ""},
            capture_output=True,
            text=True,
            timeout=280,
        )
    finally:
        server.stop()
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]

"""One way to run the command on a text, as a person would."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

Import = Callable[..., tuple[int, str]]


@pytest.fixture
def import_text(tmp_path: Path, db: None) -> Import:
    def run(kind: str, content: str | bytes, *more: str, name: str = "file.csv") -> tuple[int, str]:
        """(exit code, what was said)."""
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        out = io.StringIO()
        try:
            call_command("import_file", kind, str(path), *more, stdout=out, skip_checks=True)
        except SystemExit as stop:
            return int(stop.code or 0), out.getvalue()
        except CommandError as error:
            return 1, str(error)
        return 0, out.getvalue()

    return run

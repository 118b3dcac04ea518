"""A folder for one benchmark's database, with a server of its own that is gone afterwards."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crm.lib.embedded_postgres import EmbeddedPostgres


@contextmanager
def own_folder(name: str, kept: str | None = None) -> Iterator[str]:
    """Yield a folder for HOLDFAST_VAR: `kept`, or a temporary one whose server is stopped before it is removed."""
    if kept:
        yield str(Path(kept).resolve())
        return
    with tempfile.TemporaryDirectory(prefix=f"holdfast-{name}-") as var:
        Path(var).chmod(0o755)  # so that root's unprivileged server may work in it
        try:
            yield var
        finally:
            EmbeddedPostgres(Path(var)).stop()

"""The secret key of a local run: made once, kept in a file that only its owner reads."""

import os
from pathlib import Path
from secrets import token_urlsafe

from django.core.exceptions import ImproperlyConfigured


def kept_in(path: Path) -> str:
    """Return the key in `path`, making it when absent; two processes that start together get the same key."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_once(path)
        return path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"The folder {path.parent} cannot be written ({error.strerror}). Holdfast keeps its database and its "
            "secret key there: make it writable, or name another folder in HOLDFAST_VAR."
        ) from error


def _write_once(path: Path) -> None:
    # Written aside and linked, so that no reader ever sees half a key.
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(token_urlsafe(48))
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink()

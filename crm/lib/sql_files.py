"""SQL stands in files beside the module that runs it; each begins with a header that states its grain."""

from functools import cache
from pathlib import Path


@cache
def load(beside: str, name: str) -> str:
    """Return the text of `<name>.sql` in the folder of `beside` (pass `__file__`)."""
    return (Path(beside).parent / f"{name}.sql").read_text(encoding="utf-8")

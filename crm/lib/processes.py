"""Child processes that never outlive us: own process group, killed whole, dead when their parent is."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from time import monotonic

_PR_SET_PDEATHSIG = 1
try:
    _libc: ctypes.CDLL | None = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
except OSError:
    _libc = None


def die_with_parent(how: int = signal.SIGTERM) -> None:
    """Ask the kernel to signal this process when its parent dies, whatever the parent dies of. Linux only."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, how)


def forks_die_with_us() -> None:
    """From now on every fork of this process is killed with it, at any depth."""
    os.register_at_fork(after_in_child=_killed_with_parent)


def _killed_with_parent() -> None:
    die_with_parent(signal.SIGKILL)


class Child:
    """One command in its own process group, so that it and all it started can be ended together."""

    def __init__(
        self, command: Sequence[str], env: dict[str, str] | None = None, *, orphaned: int = signal.SIGTERM
    ) -> None:
        """Start it. `orphaned`: the signal it gets when this process dies without having ended it."""
        self.command = list(command)
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, **(env or {})},
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(orphaned),
        )
        self.started = monotonic()

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return monotonic() - self.started

    def exited(self) -> int | None:
        """The exit code, null while it runs. A clean 0 counts as an exit like any other."""
        return self.process.poll()

    def ask_to_stop(self) -> None:
        self._signal(signal.SIGTERM)

    def stop(self, patience: float = 10) -> None:
        """End the group: politely, then after `patience` seconds for certain."""
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=patience)
        self._signal(signal.SIGKILL)
        self.process.wait()

    def kill(self) -> None:
        """End the group at once."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

"""Ends the embedded server a few seconds after the last process that used it.

A small process of its own, started together with the server. It belongs to nobody's session, so
it outlives a starter that was killed. Every user of the server holds `postgres.clients` shared,
and the kernel lets go of that lock however the process ends; when nobody holds it any more, the
watcher stops the server and ends too.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from crm.lib.embedded_cluster import Cluster, try_lock

POLL_SECONDS = 0.5
GRACE_SECONDS = 3.0  # so that one command after another finds the server warm
LOG_BYTES = 10_000_000


def watch(cluster: Cluster, watcher_lock: int) -> None:
    clients = cluster.open_lock("clients")
    idle_since: float | None = None
    # A lock file that was replaced means that the folder was removed: another watcher's business.
    while cluster.is_current(clients, "clients") and cluster.is_current(watcher_lock, "watcher"):
        if not try_lock(clients, fcntl.LOCK_EX):
            idle_since = None
        else:
            fcntl.flock(clients, fcntl.LOCK_UN)
            idle_since = idle_since or time.monotonic()
            if time.monotonic() - idle_since >= GRACE_SECONDS and end(cluster, watcher_lock):
                return
        turn_log(cluster.log)
        time.sleep(POLL_SECONDS)


def end(cluster: Cluster, watcher_lock: int) -> bool:
    """Stop the server if it is still unused, and be gone before anybody can start it again."""
    with cluster.alone():
        stopped = cluster.stop_if_unused()
        if stopped:
            os.close(watcher_lock)
        return stopped


def turn_log(log: Path) -> None:
    """Keep the log and one predecessor small; the server goes on writing to the same file."""
    try:
        if log.stat().st_size > LOG_BYTES:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)
    except OSError:  # a full disk must not end the watcher
        return


def main(home: str, programs: str, uid: str, gid: str, watcher_lock: str) -> None:
    """Leave the starter's family at once, so that it has no child to wait for."""
    if os.fork():
        os._exit(0)
    # "Stop all" from a terminal or an init system reaches us too: our turn comes after the others.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    owner = (int(uid), int(gid)) if uid else (None, None)
    watch(Cluster(Path(home), Path(programs), *owner), int(watcher_lock))


if __name__ == "__main__":
    main(*sys.argv[1:])

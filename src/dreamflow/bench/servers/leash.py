"""No server outlives the process that started it, however that process ends."""

from __future__ import annotations

import subprocess

# It waits until its input ends, which happens when we do; released in time, it does nothing.
_WATCH = 'read -r _; kill -s "$1" "$2" 2>/dev/null'


class Leash:
    """Sends a signal to a child when this process is gone, SIGKILL included, until it is released.

    A watcher instead of the kernel's signal at a parent's death: that one follows the thread that started the
    child, which may end long before the process does.
    """

    def __init__(self, pid: int, signal: str = "KILL") -> None:
        command = ("sh", "-c", _WATCH, "leash", signal, str(pid))
        # In a session of its own: Ctrl-C in the terminal is for us to answer, and to pass on.
        self._watcher = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - our own

    def release(self) -> None:
        """Let go; call it before the child is waited for, so that its number cannot be another's."""
        self._watcher.kill()
        self._watcher.wait()
        if self._watcher.stdin is not None:
            self._watcher.stdin.close()

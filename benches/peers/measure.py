"""Runs a program and says what it took."""
import os
import signal
import subprocess
import tempfile
import threading
import time
from typing import NamedTuple


class Taken(NamedTuple):
    """Wall clock and CPU (user and system) in seconds, peak resident memory in MiB.

    The peak is that of the largest process. It is never less than what this program takes itself, some 30 MiB:
    the kernel counts from before the exec."""

    wall: float
    cpu: float
    peak: float


class Failed(Exception):
    """A program that ended with an error, or did not end; the text is for people."""


def measure(command, environment, seconds_max):
    """A program and the children that it waited for."""
    # What was written before is not to be paid by this one.
    os.sync()
    with tempfile.TemporaryFile() as said:
        begin = time.monotonic()
        # In a session of its own, so that it can be ended with all that it started.
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=said, start_new_session=True)
        late = threading.Timer(seconds_max, os.killpg, (process.pid, signal.SIGKILL))
        late.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            late.cancel()
        took = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            last = said.read().decode(errors="replace").strip()[-400:]
            how = f"was stopped after {seconds_max} s" if took >= seconds_max else f"ended with {process.returncode}"
            raise Failed(f"`{' '.join(command)[:200]}` {how}: {last}")
    return Taken(took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)

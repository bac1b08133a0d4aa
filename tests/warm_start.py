"""Starts gunicorn from a process that has imported its modules and done nothing else with them.

For the test that starts a service again and again: what a start does is all done, its imports
excepted. The process that waits (`multiprocessing`'s fork server) never makes an application, so
nothing of one that was killed is in the next.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from pathlib import Path

MODULES = ("consent_service.app", "consent_service.gunicorn_settings", "gunicorn.app.wsgiapp")


class WarmProcess:
    """gunicorn in a process group of its own; as much of `subprocess.Popen` as is needed."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__, *MODULES])
        self._process = context.Process(target=_serve, args=(arguments, dict(environment), log))
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> None:
        self._process.join()
        self._process.close()


def _serve(arguments: list[str], environment: dict[str, str], log: Path) -> None:
    from gunicorn.app.wsgiapp import run

    os.setsid()
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["gunicorn", *arguments]
    run()

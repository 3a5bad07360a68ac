"""A disk that is full, and one that fails to sync: nothing is acknowledged that a restart could lose, and a restart goes on.

The full disk is a file system in memory of a few megabytes, which is made larger afterwards. The failing sync is injected by strace into the real call.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from . import audit, kills
from .fix_session import PATIENCE_S, BrokenError
from .process import Exchange
from .trader import Trader

SMALL_MIB, LARGE_MIB = 24, 512
SYNCS_BEFORE_FAILURE = 60


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system in memory at the folder.

    Raises:
        PermissionError: this user may not mount one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_MIB}m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        raise PermissionError("mounting a file system in memory is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    """Make the disk larger, as an operator does."""
    subprocess.run(["mount", "-o", f"remount,size={LARGE_MIB}m", str(folder)], check=True)


def failing_sync() -> list[str]:
    """What a command is prefixed with so that its syncs fail from some time on.

    Raises:
        FileNotFoundError: strace is not there.
    """
    if shutil.which("strace") is None:
        raise FileNotFoundError("strace is not installed")
    inject = f"inject=fsync,fdatasync:error=EIO:when={SYNCS_BEFORE_FAILURE}+"
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", inject]


async def until_it_fails(exchange: Exchange, everyone: list[Trader]) -> str:
    """Trade until the exchange takes no more; how it says so.

    Raises:
        BrokenError: it goes on in spite of the fault, or says nothing of it.
    """
    tasks = await kills.connect(exchange, everyone)
    until = time.monotonic() + PATIENCE_S
    while not any(task.done() for task in tasks):
        await kills.trade(everyone, tasks, 0.05)
        if time.monotonic() > until:
            raise BrokenError("the exchange went on with a disk that fails")
    await asyncio.wait(tasks, timeout=PATIENCE_S)
    kills.check(tasks)
    return await state(exchange)


async def state(exchange: Exchange) -> str:
    """What a monitor sees: what /ready says, or that the process has ended and why.

    Raises:
        BrokenError: it says that it is ready.
    """
    async with httpx.AsyncClient(base_url=exchange.url) as client:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                answer = await client.get("/ready")
            except httpx.TransportError:
                assert exchange.process is not None
                if exchange.process.poll() is not None:
                    return f"status {exchange.process.returncode}: {exchange.errors().strip().splitlines()[-1]}"
            else:
                if answer.status_code == 503:
                    return f"503: {answer.text}"
            await asyncio.sleep(0.05)
    raise BrokenError("a monitor sees nothing of the failure")


async def recover(exchange: Exchange, everyone: list[Trader]) -> None:
    """Start once more, reconcile, and hold everything against the log."""
    if exchange.process is not None:
        exchange.kill()
    exchange.start()
    tasks = await kills.connect(exchange, everyone)
    await kills.trade(everyone, tasks, 0.3)
    await kills.settle(everyone, tasks)
    for trader in everyone:
        await trader.session.log_out()
    await asyncio.wait(tasks, timeout=PATIENCE_S)
    kills.check(tasks)
    if status := exchange.stop():
        raise BrokenError(f"expected exit status 0, received {status}; {exchange.errors()}")
    audit.compare(exchange.folder, everyone)

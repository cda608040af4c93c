"""Worker processes for independent jobs."""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait


def worker_pool(num_workers: int | None = None) -> ProcessPoolExecutor:
    """Return a pool of fresh processes that end when this one does, even by `kill -9`.

    Args:
        num_workers: How many; default one per core.
    """
    return ProcessPoolExecutor(
        num_workers or os.cpu_count() or 1,
        mp_context=multiprocessing.get_context("spawn"),  # EGL, torch and SAPIEN survive no fork
        initializer=_end_with_parent,
    )


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

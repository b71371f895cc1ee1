"""The machine the figures belong to, in one line."""

import os
import platform
import time
from pathlib import Path
from statistics import median

_WRITES = 200


def machine_line(folder: Path) -> str:
    """Cores, processor, kernel, and how long the disk under `folder` takes to make 4 kB durable."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    sync = fdatasync_ms(folder)
    return f"{cores} cores, {_processor()}, {platform.system()} {platform.release()}, fdatasync p50 {sync:.2f} ms"


def fdatasync_ms(folder: Path) -> float:
    """Median milliseconds of writing 4 kB to a file in this folder and having it on disk."""
    path = folder / "fdatasync"
    block, taken = os.urandom(4096), list[float]()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for _ in range(_WRITES):
            os.write(descriptor, block)
            began = time.perf_counter()
            getattr(os, "fdatasync", os.fsync)(descriptor)
            taken.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(descriptor)
        path.unlink()
    return median(taken)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )

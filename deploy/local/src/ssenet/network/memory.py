"""How much memory a process and its children take, counting what they share once."""

import contextlib

import psutil

MEGABYTE = 1024 * 1024


def resident_mb(pid: int, *, with_children: bool = True) -> float:
    """Megabytes of a process, with all its children.

    Pages that several processes share count by share (PSS, told by Linux); elsewhere only what each has for
    itself (USS), or at last the plain resident size. PostgreSQL's sessions share most of theirs.
    """
    try:
        process = psutil.Process(pid)
        family = [process, *(process.children(recursive=True) if with_children else [])]
    except psutil.Error:
        return 0.0
    return round(sum(_bytes(one) for one in family) / MEGABYTE, 1)


def _bytes(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        try:
            full = process.memory_full_info()
        except psutil.AccessDenied:
            return process.memory_info().rss
        # PSS is told by Linux alone.
        return getattr(full, "pss", 0) or full.uss
    return 0

"""Small disks for the servers, where this machine lets us mount some: made full by shrinking them to what they hold."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

SIZES = {"postgres": 2048, "nats": 2048}
"""Megabytes of each server's disk; only what is used of them takes memory."""


def mount_disks(folder: Path) -> tuple[dict[str, Path], str]:
    """Give each server a disk of its own below a folder; those there are, and why there are no more."""
    disks: dict[str, Path] = {}
    if shutil.which("mount") is None:
        return disks, "there is no mount command"
    for server, size in SIZES.items():
        disk = folder / server
        disk.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}m,mode=0711", "ssenet-test", str(disk)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return disks, f"no file system may be mounted here ({done.stderr.strip()})"
        disks[server] = disk
    return disks, ""


def size_disk(disk: Path, *, full: bool) -> None:
    """Leave a server's disk no room at all, or give it back."""
    for last in (False, False, False, False, True):
        taken = os.statvfs(disk)
        size = (taken.f_blocks - taken.f_bfree) * taken.f_frsize if full else SIZES[disk.name] * 2**20
        done = subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=last)
        # The kernel refuses less than is in it by now: the server may just have written more.
        if done.returncode == 0:
            return


def unmount_disks(disks: Iterable[Path]) -> None:
    for disk in disks:
        subprocess.run(["umount", "--lazy", str(disk)], check=False)

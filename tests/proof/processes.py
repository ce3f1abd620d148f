"""What the kernel tells of a process, and of what it holds."""

import gc
import os
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True)
class Holdings:
    """Resident memory and its highest mark, in bytes; open file descriptors; threads."""

    memory: int
    peak: int
    descriptors: int
    threads: int

    def __str__(self) -> str:
        return f"{self.memory / MIB:.1f} MiB, {self.descriptors} descriptors, {self.threads} threads"


def holdings(pid: int | None = None) -> Holdings:
    """What process `pid` holds now; this process, after a garbage collection, if none is named."""
    if pid is None:
        gc.collect()
        pid = os.getpid()
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return Holdings(
        memory=int(fields["VmRSS"].split()[0]) * 1024,
        peak=int(fields["VmHWM"].split()[0]) * 1024,
        descriptors=len(os.listdir(f"/proc/{pid}/fd")),
        threads=int(fields["Threads"]),
    )

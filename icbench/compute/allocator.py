"""The C library's memory allocator, told to keep what an inversion frees and takes again at every step."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Parameter numbers of `mallopt(3)`."""
LARGEST_MMAP_THRESHOLD = 32 * 2**20
"""The most that glibc takes where pointers have 64 bits."""
KEPT_BYTES = 2**30
"""So much may be free at the heap's end before it is handed back; by default 128 KiB may."""


def keep_freed_memory() -> bool:
    """Let this process reuse freed blocks of up to 32 MiB instead of handing them back to the system.

    A step's activations are megabytes each. By default glibc returns them after every step and the kernel clears fresh
    pages for the next one, which took a third of a run's time on the CPU. The setting is the whole process's, so it is
    for a program to choose: the verbs of the command line do, and a script does by calling this first.

    Returns:
        whether it took effect; False where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = {M_MMAP_THRESHOLD: LARGEST_MMAP_THRESHOLD, M_TRIM_THRESHOLD: KEPT_BYTES, M_TOP_PAD: 64 * 2**20}
    return all(mallopt(parameter, value) == 1 for parameter, value in settings.items())

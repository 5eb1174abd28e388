"""What the figures were measured on: above all, how the interpreter was built."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

RIVALS = ("warp_cache", "cachebox", "cachetools", "async-lru", "diskcache", "joblib", "picocache", "numpy")


class Build(NamedTuple):
    """How an interpreter was built, and whether a figure measured with it means anything."""

    words: str
    is_optimised: bool


def build() -> Build:
    """How the running interpreter was built, as far as it tells."""
    if hasattr(sys, "gettotalrefcount"):
        return Build("a debug build", False)
    names = ("CONFIG_ARGS", "PY_CFLAGS_NODIST", "PY_LDFLAGS_NODIST")
    flags = " ".join(str(sysconfig.get_config_var(name) or "") for name in names)
    has_profile = "--enable-optimizations" in flags or "-fprofile-use" in flags
    if has_profile:
        return Build("built with PGO and LTO" if "lto" in flags else "built with PGO, without LTO", True)
    if _is_debians():
        return Build("Debian's, whose rules build it with PGO and LTO", True)
    return Build("built without PGO: a C cache of its own is up to 1.6 times slower than it could be", False)


def described() -> str:
    """Machine, load, interpreter and versions, for the head of a table."""
    load = os.getloadavg()[0]
    interpreter = f"{platform.python_implementation()} {platform.python_version()}, {build().words}"
    machine = f"{_processor()}, {os.cpu_count()} cores, {platform.system().lower()}; load at the start: {load:.2f}"
    return f"{machine}.\n{interpreter}.\n{', '.join(_versions())}."


def _is_debians() -> bool:
    """Whether it is the system's interpreter, or an environment of it: Debian keeps its flags out of sysconfig."""
    return sys.base_prefix == "/usr" and Path("/etc/debian_version").exists()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _versions() -> list[str]:
    found = []
    for name in ("memolith", *RIVALS):
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return found

"""Random programs over caches, compared with models.

python -m fuzz [CALLS] [--seed N] [--kind KIND] [--subject memolith|functools]
"""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
import time

from fuzz import kinds, leaks


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("calls", nargs="?", type=int, default=1_000_000, help="calls of each kind (1,000,000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    parser.add_argument("--kind", action="append", help="only this kind of program; may be given more than once")
    parser.add_argument("--subject", default="memolith", help="the module whose lru_cache is tested")
    told = parser.parse_args()
    known = kinds.checks(told.subject)
    unknown = [kind for kind in told.kind or () if kind not in known]
    if unknown:
        parser.error(f"there is no kind {unknown[0]!r}, the kinds are {', '.join(known)}")
    print(f"{platform.python_implementation()} {platform.python_version()}, {told.subject}, seed {told.seed}")
    failed = 0
    for kind in told.kind or known:
        start, wrong, last = time.monotonic(), 0, ""
        for said in kinds.run(known[kind], told.calls, told.seed):
            wrong, last = (wrong + 1, said) if said else (wrong, last)
            if said and wrong <= 3:
                print(f"  {kind}: {said}", flush=True)
        failed += wrong
        print(f"{kind}: {told.calls:,} calls, {wrong} differences, {time.monotonic() - start:.0f} s", flush=True)
    failed += _leaks(told.subject)
    sys.exit(failed > 0)


def _leaks(subject: str) -> int:
    decorate = importlib.import_module(subject).lru_cache
    counts, survivors, total = leaks.counted(decorate), leaks.survivors(decorate), leaks.total(decorate)
    print(f"reference counts that changed: {counts or 'none'}; cycles that survive: {survivors or 'none'}")
    if total is not None:
        print(f"references more in the interpreter after a program: {total}")
    return bool(counts) + bool(survivors) + bool(total)


if __name__ == "__main__":
    _main()

"""What the package brings along, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import memolith
import pytest

OPTIONAL = ["numpy", "pandas", "polars", "pyarrow", "django", "asyncio", "pickle", "sqlite3"]
"""What nobody pays for who does not use it."""


def test_every_public_name_is_there() -> None:
    assert memolith.__all__ == sorted(memolith.__all__)
    assert all(getattr(memolith, name).__doc__ for name in memolith.__all__)
    assert memolith.__version__.count(".") == 2


def test_types_come_along() -> None:
    package = Path(memolith.__file__).parent
    assert (package / "py.typed").exists()
    stubs = {path.stem for path in package.glob("*.pyi")}
    assert {"__init__", "_decorator", "_mapping", "_memolith"} <= stubs
    assert all((package / f"{name}.py").exists() for name in stubs - {"_memolith"})


def test_an_import_brings_no_other_library_along() -> None:
    program = (
        "import sys\nbefore = set(sys.modules)\nimport memolith\n"
        f"print(sorted(set({OPTIONAL}) & set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_names_of_types_may_have_parameters() -> None:
    assert str(memolith.CachedFunction[[int], str]).startswith("memolith.CachedFunction[")
    assert "Cache[str, int]" in str(memolith.Cache[str, int])


@pytest.mark.parametrize("first", ["", "import memolith"])
def test_a_subinterpreter_is_refused(first: str) -> None:
    program = f"""
{first}
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
other = interpreters.create()
run = getattr(interpreters, "run_string", None) or interpreters.exec
print(run(other, '''
try:
    import memolith
except ImportError as error:
    print("subinterpreters" in str(error))
'''))
"""
    environment = {"PYTHONPATH": str(Path(memolith.__file__).parents[1])}
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    # Each interpreter has a buffer of its own.
    assert (ran.returncode, sorted(ran.stdout.split())) == (0, ["None", "True"]), ran.stderr

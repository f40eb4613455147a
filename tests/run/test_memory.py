from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from recsat.run.memory import free_memory

MIB = 2**20


def test_without_limits_it_is_what_the_machine_has_free(tmp_path: Path) -> None:
    assert 0.5 < free_memory(tmp_path) / psutil.virtual_memory().available < 2


def test_a_container_is_held_to_its_own_limit_and_pages_of_files_are_given_back(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(f"{900 * MIB}\n")
    (tmp_path / "memory.current").write_text(f"{890 * MIB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {7 * MIB}\n")
    assert free_memory(tmp_path) == 17 * MIB
    (tmp_path / "memory.stat").unlink()
    assert free_memory(tmp_path) == 10 * MIB
    (tmp_path / "memory.current").write_text(f"{1000 * MIB}\n")
    assert free_memory(tmp_path) == 0
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(tmp_path) > 17 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not keep to the limit of addresses")
def test_a_limit_of_addresses_counts() -> None:
    code = (
        "import psutil, resource; from recsat.run.memory import free_memory\n"
        "used = psutil.Process().memory_info().vms\n"
        f"resource.setrlimit(resource.RLIMIT_AS, (used + {300 * MIB},) * 2)\n"
        "print(free_memory())"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert 200 * MIB < int(output) <= 300 * MIB

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import energy_score
from energy_score.contract.run_report import Gpu
from energy_score.engine.environment import cpu_name, read_hardware, read_software
from tests.nvml_simulator.simulator import REPOSITORY, NvmlSimulator


def test_the_machine_is_described_with_the_gpus_of_the_meter() -> None:
    gpu = Gpu(uuid="GPU-a", name="NVIDIA T4", memory_mib=15360)
    hardware = read_hardware([gpu])
    assert hardware.gpus == (gpu,)
    assert hardware.cpu
    assert 1 <= hardware.cpu_count <= (os.cpu_count() or 1)
    assert hardware.memory_mib > 100


def test_the_cpu_is_named_as_linux_names_it(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Fast CPU @ 2.0GHz\n", encoding="utf-8")
    assert cpu_name(cpuinfo) == "Fast CPU @ 2.0GHz"
    assert cpu_name(tmp_path / "absent")


def test_versions_are_those_installed_and_what_is_absent_has_no_entry() -> None:
    versions = read_software()
    assert versions["energy_score"] == energy_score.__version__
    assert versions["python"] == sys.version.split()[0]
    installed = {distribution.metadata["Name"].lower() for distribution in metadata.distributions()}
    assert {"torch", "transformers", "tokenizers", "datasets"} & set(versions) == {
        "torch",
        "transformers",
        "tokenizers",
        "datasets",
    } & installed


def test_the_driver_is_named_where_there_is_one(nvml_simulator: NvmlSimulator) -> None:
    script = "from energy_score.engine.environment import read_software; print(read_software()['nvidia_driver'])"
    assert nvml_simulator.run(script).stdout.strip() == "580.00-simulated"


def test_reading_the_versions_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom energy_score.engine.environment import read_software\nread_software()\n"
        "heavy = {'torch', 'transformers', 'tokenizers', 'datasets', 'numpy', 'pandas', 'rich', 'click', 'psutil'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

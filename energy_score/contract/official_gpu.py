"""The hardware behind the officially published scores, and what a GPU's name says of it."""

import re

# NVIDIA H100 80 GB: between 80e9 bytes and 80 GiB (drivers say 81,559 MiB); the NVL has 94 GB. Source: METHOD.md.
OFFICIAL_GPU = "H100"
OFFICIAL_MEMORY_MIB = (76_294, 81_920)
# The SXM module alone has HBM3 in its name; the PCIe card has HBM2e. Source: METHOD.md, "GPU identity".
_SXM = "HBM3"
SXM_POWER_LIMIT_W = 700.0
PCIE_POWER_LIMIT_W = 350.0
# "GRID H100-20C", "NVIDIA H100-80C": the profile's memory in GB and its kind. Source: NVIDIA Virtual GPU Software User
# Guide, "Virtual GPU Types".
_VGPU = re.compile(r"\bGRID\b|-\d+(-\d+)?(A|B|C|Q|CME)$")
# "NVIDIA H100 80GB HBM3 MIG 1g.10gb".
_MIG = re.compile(r"\bMIG\b|\b\d+g\.\d+gb\b", re.IGNORECASE)
# GPU and CPU in one module, which the energy counter covers whole. Source: METHOD.md; ml-energy/zeus issue 172.
_MODULE = re.compile(r"\bG[HB]\d{3}\b")


def is_official_gpu(name: str, memory_mib: int) -> bool:
    """Return whether figures from this GPU can be compared with the published ones."""
    low_mib, high_mib = OFFICIAL_MEMORY_MIB
    is_whole = not (is_virtual_gpu(name) or is_mig_slice(name) or is_on_a_module(name))
    return OFFICIAL_GPU in name and low_mib <= memory_mib <= high_mib and is_whole


def is_sxm(name: str) -> bool:
    """Whether an H100 is the SXM module (700 W), not a card (350 W)."""
    return _SXM in name


def is_virtual_gpu(name: str) -> bool:
    """Whether the name is that of a virtual GPU, a share of a GPU in a virtual machine."""
    return _VGPU.search(name) is not None


def is_mig_slice(name: str) -> bool:
    """Whether the name is that of a MIG slice."""
    return _MIG.search(name) is not None


def is_on_a_module(name: str) -> bool:
    """Whether the name is that of a module of GPU and CPU (GH200, GB200)."""
    return _MODULE.search(name) is not None

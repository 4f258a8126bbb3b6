"""The hardware of the officially published scores."""

# NVIDIA H100 80 GB: between 80e9 bytes and 80 GiB (drivers say 81,559 MiB); the NVL has 94 GB. Source: METHOD.md.
OFFICIAL_GPU = "H100"
OFFICIAL_MEMORY_MIB = (76_294, 81_920)


def is_official_gpu(name: str, memory_mib: int) -> bool:
    """Return whether figures from this GPU can be compared with the published ones."""
    low_mib, high_mib = OFFICIAL_MEMORY_MIB
    return OFFICIAL_GPU in name and low_mib <= memory_mib <= high_mib

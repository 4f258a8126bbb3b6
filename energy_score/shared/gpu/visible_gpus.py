"""Which of NVML's GPUs CUDA shows to this process: NVML itself ignores CUDA_VISIBLE_DEVICES."""

from collections.abc import Sequence

from energy_score.contract.errors import MeterError


def visible_gpu_indices(
    cuda_visible_devices: str | None, uuids: Sequence[str], *, origin: str = "CUDA_VISIBLE_DEVICES"
) -> tuple[int, ...]:
    """NVML's indices (positions in ``uuids``) of the GPUs that CUDA_VISIBLE_DEVICES shows, in its order.

    None (unset) shows all, an empty string none. Entries are indices, ``GPU-`` UUIDs or unique prefixes of them; a
    negative index ends the list. Source: CUDA C++ Programming Guide, "CUDA Environment Variables". CUDA silently
    ends the list at any entry it does not know; here that is an error, as the energy would be another GPU's. ``origin``
    is what the list is called in messages, where it was given in another way.

    Raises:
        MeterError: an entry is a MIG id, names no GPU or several, or repeats one.
    """
    if cuda_visible_devices is None:
        return tuple(range(len(uuids)))
    indices: list[int] = []
    for entry in (part.strip() for part in cuda_visible_devices.split(",")):
        if not entry or entry.startswith("-"):
            break
        index = _index_of(entry, uuids, origin)
        if index in indices:
            raise MeterError(f"{origin}={cuda_visible_devices}: {entry} names {uuids[index]} again")
        indices.append(index)
    return tuple(indices)


def refuse_ambiguous_indices(
    cuda_visible_devices: str | None, *, device_order: str | None, names: Sequence[str]
) -> None:
    """Nothing, where every index in CUDA_VISIBLE_DEVICES means the same GPU to CUDA and to NVML.

    CUDA counts the fastest GPU first unless CUDA_DEVICE_ORDER (``device_order``) is PCI_BUS_ID; NVML counts by PCI
    bus. ``names`` are those of all GPUs: among like ones the driver keeps the bus order.

    Raises:
        MeterError: the GPUs differ, are named by index, and are not counted by bus.
    """
    by_index = any(entry.strip().isdecimal() for entry in (cuda_visible_devices or "").split(","))
    if by_index and device_order != "PCI_BUS_ID" and len(set(names)) > 1:
        raise MeterError(
            f"CUDA_VISIBLE_DEVICES={cuda_visible_devices}: the GPUs differ ({', '.join(names)}), so CUDA and NVML may "
            "number them differently; name them by UUID (nvidia-smi -L) or set CUDA_DEVICE_ORDER=PCI_BUS_ID"
        )


def _index_of(entry: str, uuids: Sequence[str], origin: str) -> int:
    if entry.startswith("MIG-"):
        raise MeterError(
            f"{origin}: {entry}: a MIG slice has no energy counter; give the run a whole GPU, with MIG off"
        )
    if entry.isdecimal():
        # Compared as a text: Python reads no number of thousands of digits.
        matches = [index for index in range(len(uuids)) if str(index) == (entry.lstrip("0") or "0")]
    else:
        matches = [index for index, uuid in enumerate(uuids) if entry.startswith("GPU-") and uuid.startswith(entry)]
    if len(matches) != 1:
        known = ", ".join(f"{index} = {uuid}" for index, uuid in enumerate(uuids)) or "none"
        count = "several GPUs" if matches else "no GPU"
        raise MeterError(f"{origin}: {entry!r} names {count}; NVML sees: {known}")
    return matches[0]

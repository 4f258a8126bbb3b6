import pytest

from energy_score.contract.errors import MeterError
from energy_score.shared.gpu.visible_gpus import refuse_ambiguous_indices, visible_gpu_indices

UUIDS = ("GPU-1111aaaa-01", "GPU-1111bbbb-02", "GPU-2222cccc-03")


@pytest.mark.parametrize(
    ("value", "indices"),
    [
        (None, (0, 1, 2)),
        ("", ()),
        ("-1", ()),
        ("0", (0,)),
        ("2,0", (2, 0)),
        (" 1 , 2 ", (1, 2)),
        ("1,-1,2", (1,)),
        ("GPU-1111bbbb-02", (1,)),
        ("GPU-2", (2,)),
        ("GPU-2222,0", (2, 0)),
    ],
)
def test_visible_devices_resolve_to_nvml_indices_in_their_order(value: str | None, indices: tuple[int, ...]) -> None:
    assert visible_gpu_indices(value, UUIDS) == indices


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("3", "names no GPU.*0 = GPU-1111aaaa-01"),
        ("GPU-9", "names no GPU"),
        ("GPU-1111", "names several GPUs"),
        ("1111aaaa", "names no GPU"),
        ("0,GPU-1111aaaa", "names GPU-1111aaaa-01 again"),
        ("MIG-7e1f", "a MIG slice has no energy counter"),
    ],
)
def test_an_entry_that_is_not_exactly_one_whole_gpu_is_refused(value: str, says: str) -> None:
    with pytest.raises(MeterError, match=says):
        visible_gpu_indices(value, UUIDS)


def test_an_index_among_unlike_gpus_is_refused_unless_cuda_counts_by_bus() -> None:
    names = ("NVIDIA H100 80GB HBM3", "NVIDIA T4")
    with pytest.raises(MeterError, match="CUDA_DEVICE_ORDER=PCI_BUS_ID"):
        refuse_ambiguous_indices("0", device_order=None, names=names)
    refuse_ambiguous_indices("0", device_order="PCI_BUS_ID", names=names)
    refuse_ambiguous_indices("GPU-1", device_order=None, names=names)
    refuse_ambiguous_indices(None, device_order=None, names=names)
    refuse_ambiguous_indices("0", device_order=None, names=names[:1] * 2)

"""All targets by name. A further one (a bundle, say) is one entry in one of these."""

from tests.fuzz.inputs import INPUTS
from tests.fuzz.records import RECORDS
from tests.fuzz.streams import STREAMS

TARGETS = INPUTS | RECORDS | STREAMS

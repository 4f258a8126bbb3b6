"""All targets by name. A further one is one entry in one of these."""

from tests.fuzz.inputs import INPUTS
from tests.fuzz.records import RECORDS
from tests.fuzz.streams import STREAMS
from tests.fuzz.submissions import SUBMISSIONS

TARGETS = INPUTS | RECORDS | STREAMS | SUBMISSIONS

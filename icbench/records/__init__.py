"""What runs leave behind: records, the shards they grow from, and the folders that hold them.

A run's folder holds either `unfinished.shards`, which grows while images are inverted, or a readable `record.json` with
the per-image arrays in `images.npz`. Neither holds a user, host or folder name, so a results folder can be published.
"""

from icbench.records.files import Arrays
from icbench.records.metrics import result_metrics
from icbench.records.record import EDITED, IMAGES_FILE, RECORD_FILE, Record, read_record
from icbench.records.results_folder import ResultsFolder, check_writable
from icbench.records.schema import SCHEMA
from icbench.records.shards import SHARDS_FILE

__all__ = [
    "EDITED",
    "IMAGES_FILE",
    "RECORD_FILE",
    "SCHEMA",
    "SHARDS_FILE",
    "Arrays",
    "Record",
    "ResultsFolder",
    "check_writable",
    "read_record",
    "result_metrics",
]

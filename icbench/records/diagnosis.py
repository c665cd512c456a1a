"""The diagnosis of a run's errors, kept beside its record."""

from dataclasses import dataclass

from icbench.errors import IntegrityError
from icbench.records.json_object import Count, JSONObject, Number, decode
from icbench.records.record import Record
from icbench.records.schema import canonical, is_edited, parse, sign
from icbench.storage import write_output

DIAGNOSIS_FILE = "diagnosis.json"


@dataclass(frozen=True, kw_only=True)
class KeptDiagnosis(JSONObject):
    """The figures of `icbench.engine.diagnosis.Diagnosis`, which says what they are."""

    images: Count
    errors: Count
    optimizer_errors: Count
    model_errors: Count
    wrong_class_fits: Number | None
    noise_share_start: Number | None
    noise_share_end: Number | None


def keep_diagnosis(record: Record, diagnosis: KeptDiagnosis) -> None:
    """Write a diagnosis beside the record that it is of.

    Raises:
        OutputError: it cannot be written.
    """
    content = canonical(sign({"key": record.metadata.key, "diagnosis": diagnosis.document()}))
    write_output(record.path / DIAGNOSIS_FILE, content)


def read_diagnosis(record: Record) -> KeptDiagnosis | None:
    """The diagnosis that was kept beside a record, or None if there is none of this run, as icbench wrote it."""
    file = record.path / DIAGNOSIS_FILE
    try:
        content = file.read_bytes()
        document = parse(content)
        ours = document["key"] == record.metadata.key and not is_edited(document, content)
        return decode(KeptDiagnosis, document["diagnosis"], str(file)) if ours else None
    except (OSError, ValueError, KeyError, TypeError, IntegrityError):
        return None

"""Verifying a record: what holds of what it says, what differs, and what cannot be checked here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icbench.compute.devices import choose_device
from icbench.errors import IcbenchError, IntegrityError
from icbench.kinds.dataset import Split
from icbench.plugins.component import Selection
from icbench.plugins.manager import PluginManager
from icbench.records import Arrays, Record
from icbench.records.checks import (
    DIFFERS,
    HOLDS,
    UNCHECKED,
    Finding,
    check_arrays,
    check_document,
    judge,
    listed,
    read_images,
)
from icbench.records.metadata import ComponentMetadata, RecordMetadata
from icbench.records.record import read_unverified
from icbench.running.datasets import Source, data_folder
from icbench.running.entry import Entry, component_metadata
from icbench.running.observer import Observer
from icbench.running.recomputation import Agreement, Missed, Recomputation
from icbench.running.replay import selection_of, settings_of
from icbench.running.runners import Runner
from icbench.running.session import build_runner
from icbench.running.source_closure import engine_digest

SAMPLE = 200
SHORT = 12
OTHER_CODE = "its code is another one here"
EVALUATIONS_OFF = 0.05
"""By what share the mean evaluations of a sample may differ where images stop early, which rounding may shift."""


@dataclass(frozen=True)
class Verification:
    """What was found of one record.

    Args:
        path: its folder.
        label: its entry in one phrase, or the folder's name where it cannot be read.
        findings: of everything that was looked at.
        agreement: of the images that were computed again, or None where none could be.
        found_again: images were computed again, and all that came of it is as the record says.
    """

    path: Path
    label: str
    findings: tuple[Finding, ...]
    agreement: Agreement | None = None
    found_again: bool = False

    @property
    def verdict(self) -> str:
        """`DIFFERS` if anything does, `HOLDS` if images were found again and nothing differs, else `UNCHECKED`."""
        if any(finding.verdict == DIFFERS for finding in self.findings):
            return DIFFERS
        return HOLDS if self.found_again else UNCHECKED


@dataclass
class Verifier:
    """Verifies records with what is installed here.

    Args:
        manager: of the components.
        sample: of how many images of a record are computed again, at most.
        seed: which ones.
        data_dir: as in `icbench.running.options.Options`.
        weights: as for `icbench.running.replay.entry_of`.
        watcher: told how it goes.
    """

    manager: PluginManager
    sample: int = SAMPLE
    seed: int = 0
    data_dir: Path | None = None
    weights: Path | None = None
    watcher: Observer = field(default_factory=Observer)

    def verify(self, path: Path) -> Verification:
        """Verify the record in a folder. Whatever keeps a part of it from being checked is a finding, too."""
        try:
            record = read_unverified(path)
        except IntegrityError as error:
            return Verification(path, path.name, (Finding("record", DIFFERS, error.message),))
        arrays, file = read_images(record)
        findings = [*check_document(record), file]
        if arrays:
            findings += check_arrays(record, arrays)
        check = _Check(self, record, arrays)
        found, agreement = check.findings()
        return Verification(path, record.label, (*findings, *found), agreement, check.found_again)


class Findings:
    """What was found of a record, one finding after the other.

    What has other code here than the record's can still be computed with. If the record's images come out of it, that
    speaks for the record; if they do not, it is no evidence against it.
    """

    def __init__(self) -> None:
        self.all: list[Finding] = []
        self.other_code: set[str] = set()
        """What is here with other code than the record's."""

    def compare(self, what: str, said: object, here: object, other: str) -> bool:
        """Note whether something here is what the record was made with; what is not cannot be checked with."""
        same = said == here
        kept = f"as here, {_short(here)}" if isinstance(here, str) else "as here"
        self.all.append(Finding(what, HOLDS if same else UNCHECKED, kept if same else other))
        return same

    def compare_code(self, what: str, said: object, here: object, versions: str = "") -> None:
        """Note whether something here has the code that the record was made with."""
        if not self.compare(what, said, here, OTHER_CODE + versions):
            self.other_code.add(what)

    def judge(self, what: str, holds: bool, kept: str, broken: str) -> None:
        """Note that something holds or differs."""
        self.all.append(judge(what, holds, kept, broken))

    def leave(self, what: str, why: str) -> None:
        """Note that something cannot be checked here."""
        self.all.append(Finding(what, UNCHECKED, why))

    def all_here(self) -> bool:
        """Whether all is here that the record was made with, but for its code."""
        passed = {"labels", *self.other_code}
        return all(finding.verdict == HOLDS for finding in self.all if finding.what not in passed)

    def take(self, judged: list[Finding], computed: bool) -> bool:
        """Note what was judged by what is here; returns whether images were computed and all is as the record says.

        Args:
            judged: each as if the code here were the record's.
            computed: images were computed again.
        """
        found_again = computed and all(finding.verdict == HOLDS for finding in judged)
        if self.other_code:
            judged = [_excuse(finding) for finding in judged]
        if self.other_code and found_again:
            self.all = [self._clear(finding) for finding in self.all]
        self.all += judged
        return found_again

    def _clear(self, finding: Finding) -> Finding:
        same = finding.what in self.other_code
        return replace(finding, detail=f"{finding.detail}; the images come out the same") if same else finding


def _excuse(finding: Finding) -> Finding:
    """A finding that other code may be the reason of."""
    if finding.verdict != DIFFERS:
        return finding
    return replace(finding, verdict=UNCHECKED, detail=f"{finding.detail}; the code here is another one")


class _Check:
    """Holds one record against the components, the images and the engine that are here."""

    def __init__(self, verifier: Verifier, record: Record, arrays: Arrays) -> None:
        self.verifier, self.record, self.arrays = verifier, record, arrays
        self.metadata = record.metadata
        self.found = Findings()
        self.found_again = False

    def findings(self) -> tuple[list[Finding], Agreement | None]:
        """All findings, and the agreement if images could be computed again."""
        known = self.metadata.entry.components
        chosen = {kind: found for kind, one in known.items() if (found := self._component(kind, one))}
        self.found.compare_code("engine", self.metadata.engine, engine_digest())
        source, split = self._source()
        agreement = None
        if self.found.all_here():
            assert source is not None
            assert split is not None
            entry = Entry(chosen, self.verifier.manager.select("dataset", self.metadata.dataset.name))
            agreement = self._compute(entry, source, split)
        if agreement is None:
            self.found.leave("predictions and energies", "nothing was computed again")
        self.found.leave("time and memory", "they depend on the machine")
        return self.found.all, agreement

    def _component(self, kind: str, known: ComponentMetadata) -> Selection | None:
        what = f"{kind} {known.name}"
        try:
            selection = selection_of(self.verifier.manager, self.record, kind, known, self.verifier.weights)
        except IcbenchError as error:
            self.found.leave(what, error.message)
            return None
        here = component_metadata(selection)
        versions = (
            f" (version {here.version}; the record's is {known.version})" if here.version != known.version else ""
        )
        self.found.compare_code(what, known.source, here.source, versions)
        return selection

    def _source(self) -> tuple[Source | None, Split | None]:
        """The dataset here and the record's split of it; compares its images and its labels."""
        metadata, manager = self.metadata.dataset, self.verifier.manager
        what = f"dataset {metadata.name}"
        try:
            folder = data_folder(self.verifier.data_dir)
            source = Source(manager.select("dataset", metadata.name).build(), folder, metadata.name)
            split = source.split(metadata.split)
        except IcbenchError as error:
            self.found.leave(what, error.message)
            return None, None
        if self.found.compare(what, metadata.digest, split.digest, f"its {metadata.split} images are others here"):
            self._compare_labels(split)
        return source, split

    def _compare_labels(self, split: Split) -> None:
        if self.arrays:
            index = self.arrays["index"]
            off = index[self.arrays["label"] != split.labels[index]]
            self.found.judge("labels", not len(off), "are those of the dataset", f"are others of images {listed(off)}")

    def _compute(self, entry: Entry, source: Source, split: Split) -> Agreement | None:
        """Compute a sample again, once the built components are those of the record, too."""
        judged, agreement = Findings(), None
        try:
            device = choose_device(self.metadata.device)
            runner = build_runner(entry, device, source)
            self._compare_built(runner)
            self._compare_claims(judged, runner)
            if self.arrays and self.found.all_here():
                settings = settings_of(self.record, device)
                again = Recomputation(runner, self.record, split, settings, self.verifier.watcher)
                agreement = again.compare(self.arrays, self._draw())
                _judge_agreement(judged, self.metadata, self.arrays, agreement)
        except IcbenchError as error:
            judged.leave("computing again", error.message)
        except Exception as error:  # of a component, which is not trusted to raise what it should
            judged.leave("computing again", f"failed here: {type(error).__name__}: {error}")
        self.found_again = self.found.take(judged.all, agreement is not None)
        return agreement

    def _draw(self) -> NDArray[np.int64]:
        index = self.arrays["index"].astype(np.int64)
        count = min(self.verifier.sample, len(index))
        drawn: NDArray[np.int64] = np.sort(
            np.random.default_rng(self.verifier.seed).choice(index, count, replace=False)
        )
        return drawn

    def _compare_built(self, runner: Runner) -> None:
        """Compare what is known of components only once they are built."""
        here = runner.describe_components()
        for kind, known in self.metadata.entry.components.items():
            for name, what in {"weights": "weights", "training_data": "training images"}.items():
                said, found = (getattr(one, name) for one in (known, here[kind]))
                if said or found:
                    self.found.compare(f"{what} of {known.name}", said, found, "others are here")
            self._compare_inner(known, here[kind])

    def _compare_inner(self, known: ComponentMetadata, here: ComponentMetadata) -> None:
        """Compare the components that a component is made of."""
        what, said, found = f"components of {known.name}", known.components or {}, here.components or {}
        if _without_code(said) != _without_code(found):
            self.found.compare(what, said, found, "others are here")
        elif said:
            self.found.compare_code(what, said, found)

    def _compare_claims(self, judged: Findings, runner: Runner) -> None:
        """Compare what a record says of its entry for its readers."""
        metadata = self.metadata
        flags = {*runner.flags(metadata.dataset.split)}
        told = ", ".join(["of tier " + runner.tier, *sorted(flags)])
        same = metadata.tier == runner.tier and flags == set(metadata.flags)
        judged.judge("tier and flags", same, f"as its components say: {told}", f"its components say: {told}")


def _without_code(components: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What is known of some components besides their code."""
    return {
        kind: {name: value for name, value in one.items() if name not in ("source", "version")}
        for kind, one in components.items()
    }


def _judge_agreement(found: Findings, metadata: RecordMetadata, arrays: Arrays, agreement: Agreement) -> None:
    figures = "energies" if metadata.entry.inverts_once else "scores"
    within = f", within {agreement.largest:.1g} of each ({agreement.tolerance:.1g} may be rounding)"
    _judge_images(found, "predictions", agreement, agreement.predictions, "")
    _judge_images(found, figures, agreement, agreement.figures, within)
    _judge_evaluations(found, metadata, arrays, agreement)


def _judge_images(found: Findings, what: str, agreement: Agreement, missed: Missed, within: str) -> None:
    off, count = missed.off, len(missed.off)
    said = f"{count - off.sum()} of {count} are found again{within}"
    if agreement.sensitive:
        said += f"; {agreement.sensitive} images turn on rounding"
    if off.any():
        said += f"; off are images {listed(agreement.index[off])} ({missed.allowed} may be)"
    found.judge(what, missed.holds, said, said)


def _judge_evaluations(found: Findings, metadata: RecordMetadata, arrays: Arrays, agreement: Agreement) -> None:
    metrics = metadata.metrics
    # Images differ in them if some stop early, or are not asked about by all members of a product.
    differ = {"forwards", "backwards"} <= arrays.keys()
    said = np.array([metrics.nfe_forward, metrics.nfe_backward], np.float64)
    if differ:
        rows = np.isin(arrays["index"], agreement.index)
        said = np.array([arrays[name][rows].mean() for name in ("forwards", "backwards")])
    here = np.array([agreement.forward, agreement.backward])
    same = np.allclose(said, here, rtol=EVALUATIONS_OFF if differ else 0, atol=0.5)
    detail = f"{here[0]:.0f} forward and {here[1]:.0f} backward for an image"
    found.judge("evaluations", bool(same), detail, f"{detail}, not {said[0]:.0f} and {said[1]:.0f}")


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:SHORT] + "…"

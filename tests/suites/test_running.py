"""Cells are run once for each configuration, and no two configurations are taken for one."""

from icbench.kinds.suite import Cell, Experiment, Suite
from icbench.plugins.manager import plugin_manager
from icbench.running.observer import Observer
from icbench.running.options import Options
from icbench.suites import plan_jobs, run_jobs


def jobs(manager, *cells, **options):
    suite = Suite("mine", "mnist", "test", (Experiment("one", "first", "setting", cells),))
    return plan_jobs(manager, suite, suite.cells(), Options(), **options)


def test_cells_of_one_configuration_are_one_job_with_the_most_seeds(manager):
    (job,) = jobs(manager, Cell("a", seeds=2), Cell("b", schedule="joint:noise_rate=1", seeds=3))
    assert job.options.seeds == (0, 1, 2)
    assert [len(seeds) for seeds in job.cells.values()] == [2, 3]
    assert jobs(manager, Cell("a", seeds=5), most_seeds=2)[0].options.seeds == (0, 1)


def test_what_differs_is_a_job_of_its_own(manager):
    cells = [
        Cell("a"),
        Cell("b", steps=0),
        Cell("c", images=10),
        Cell("d", batch_size=4),
        Cell("e", precision="float32"),
    ]
    assert len(jobs(manager, *cells, Cell("f", optimizer="sgd"), Cell("g", classifier="class-mean"))) == 7


def test_files_of_one_name_in_two_folders_are_two(manager):
    assert len(jobs(manager, *(Cell(folder, generator=f"cgan:weights={folder}/w.safetensors") for folder in "ab"))) == 2


def test_each_record_comes_with_the_cells_it_counts_for(toy_plugin):
    cells = (Cell("a", generator="linear", steps=1, seeds=2), Cell("b", generator="linear", steps=2, seeds=1))
    also = Cell("c", generator="linear", schedule="joint:noise_rate=1", steps=1, seeds=1)
    suite = Suite("mine", "toy", "test", (Experiment("one", "first", "setting", (*cells, also)),))
    options = Options(limit=4, device="cpu", precision="float32", batch_size=10)
    runs = list(run_jobs(plan_jobs(plugin_manager(), suite, suite.cells(), options), Observer()))
    found = [
        ([cell.label for cell in run.cells], run.record.metadata.entry.steps, run.record.metadata.seed) for run in runs
    ]
    assert found == [(["a", "c"], 1, 0), (["a"], 1, 1), (["b"], 2, 0)]

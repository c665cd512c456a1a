"""The digest of a component's source: what decides numbers changes it, what does not leaves it alone."""

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from icbench.errors import FolderWarning
from icbench.running import source_closure, source_syntax
from icbench.running.source_closure import source_digest
from icbench.storage import say_once

FILES = {
    "shapes/__init__.py": """
        from icbench import Component, hookimpl
        from shapes.distance import Blurred

        @hookimpl
        def icbench_distances():
            yield Component("blurred", "shapes:Blurred", "a distance")
    """,
    "shapes/distance.py": '''
        """Distances."""
        import math
        from .filters import SLOPE, gaussian

        class Blurred:
            """It blurs."""
            def compare(self, images):
                from shapes.inner import late
                return late.scaled(gaussian(images)) + math.pi + SLOPE
    ''',
    "shapes/filters.py": """
        from .tables import WEIGHTS

        SLOPE = 1.0

        def gaussian(images):
            return [weight * images for weight in WEIGHTS]

        def box(images):
            return images
    """,
    "shapes/tables.py": "WEIGHTS = [0.25, 0.5, 0.25]",
    "shapes/inner/__init__.py": "",
    "shapes/inner/late.py": "def scaled(images):\n    return 2 * images",
    "shapes/unused.py": "ANYTHING = 1",
}


class Package:
    """A plugin's source tree, and the digest of its component."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        lines = text.split("\n")
        indent = min((len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()), default=0)
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join([lines[0], *(line[indent:] for line in lines[1:])]))

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text()
        assert old in text
        (self.folder / name).write_text(text.replace(old, new))

    def changes(self, name: str, old: str, new: str, **component: str) -> bool:
        """Whether the digest changes with a file."""
        before = self.digest(**component)
        self.edit(name, old, new)
        return self.digest(**component) != before

    def digest(self, factory: str = "shapes.distance:Blurred", dist: str = "shapes") -> str:
        return source_digest.__wrapped__(factory, dist)


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path / "source")
    return Package(tmp_path / "source")


def test_nothing_is_imported(package):
    package.write("shapes/__init__.py", "raise SystemExit('imported')")
    package.digest()
    assert not [name for name in sys.modules if name.startswith("shapes")]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("distance.py", "+ math.pi", "- math.pi"),
        ("filters.py", "SLOPE = 1.0", "SLOPE = 10.0"),
        ("tables.py", "0.5", "0.6"),
        ("inner/late.py", "2 *", "3 *"),
        ("inner/__init__.py", "", "import shapes.tables\nshapes.tables.WEIGHTS.append(1)"),
        ("__init__.py", "from icbench import", "LEVEL = 3\nfrom icbench import"),
    ],
    ids=str,
)
def test_a_change_of_anything_imported_changes_it(package, file, old, new):
    assert package.changes(f"shapes/{file}", old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import SLOPE, gaussian", "import SLOPE, box as gaussian"),
        ("from .filters import SLOPE, gaussian", "from .filters import SLOPE\nfrom .tables import WEIGHTS as gaussian"),
        ("import math", "import cmath as math"),
        ("from shapes.inner import late", "from shapes import filters as late"),
    ],
)
def test_another_thing_under_the_same_name_changes_it(package, old, new):
    assert package.changes("shapes/distance.py", old, new)


def test_two_values_that_change_places_change_it(package):
    package.write("shapes/unused.py", "from .filters import gaussian\nSLOPE = 7\ndef other():\n    return SLOPE")
    package.edit("shapes/distance.py", "import math", "import math\nfrom .unused import other")
    before = package.digest()
    package.edit("shapes/unused.py", "SLOPE = 7", "SLOPE = 1.0")
    package.edit("shapes/filters.py", "SLOPE = 1.0", "SLOPE = 7")
    assert package.digest() != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("distance.py", '"""It blurs."""', '"""It blurs,\n\n    and more."""  # so it does'),
        ("distance.py", '"""It blurs."""', ""),
        (
            "distance.py",
            "from .filters import SLOPE, gaussian",
            "from shapes.filters import gaussian\nimport os\nfrom .filters import SLOPE",
        ),
        ("distance.py", "late.scaled(gaussian(images))", "late.scaled(\n            (gaussian(images))\n        )"),
        (
            "distance.py",
            "import math",
            "import math\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import unused",
        ),
        ("filters.py", "def box(images):", "# moved\ndef box(images):"),
        ("unused.py", "1", "2"),
        ("__init__.py", '"a distance"', '"a distance that blurs"'),
    ],
    ids=str,
)
def test_comments_layout_imports_and_what_is_not_imported_do_not(package, file, old, new):
    assert not package.changes(f"shapes/{file}", old, new)


def test_code_may_move_within_the_closure(package):
    before = package.digest()
    package.edit(
        "shapes/filters.py", "from .tables import WEIGHTS\n\nSLOPE = 1.0\n", "from .moved import SLOPE, gaussian\n"
    )
    text = (package.folder / "shapes/filters.py").read_text()
    function = text[text.index("def gaussian") : text.index("def box")]
    package.edit("shapes/filters.py", function, "")
    package.write("shapes/moved.py", "from .tables import WEIGHTS\nSLOPE = 1.0\n" + function)
    assert package.digest() == before
    package.edit("shapes/distance.py", "from .filters import SLOPE, gaussian", "from .moved import SLOPE, gaussian")
    package.edit(
        "shapes/__init__.py", "from shapes.distance import", "from shapes import filters\nfrom shapes.distance import"
    )
    assert package.digest() == before


def test_a_module_may_get_another_name(package):
    before = package.digest()
    (package.folder / "shapes/tables.py").rename(package.folder / "shapes/weights.py")
    package.edit("shapes/filters.py", ".tables", ".weights")
    assert package.digest() == before


def test_a_factory_that_is_imported_from_elsewhere_is_what_it_is_there(package):
    before = package.digest("shapes:Blurred")
    assert package.digest() == before
    package.edit("shapes/tables.py", "0.5", "0.6")
    assert package.digest("shapes:Blurred") != before


def test_each_factory_of_a_module_has_its_own(package):
    assert package.digest("shapes.filters:gaussian") != package.digest("shapes.filters:box")


def test_star_imports_and_imports_by_a_call_are_followed(package):
    package.write(
        "shapes/distance.py", "import importlib\nfrom .filters import *\nlate = importlib.import_module('.inner.late')"
    )
    for factory in ("shapes.distance:gaussian", "shapes:gaussian"):
        package.write("shapes/tables.py", FILES["shapes/tables.py"])
        assert package.changes("shapes/tables.py", "0.5", "0.6", factory=factory)


def test_where_the_text_does_not_say_what_is_imported_all_modules_of_the_package_count(package):
    package.edit(
        "shapes/distance.py", "import math", "import importlib, math\nlazy = lambda name: importlib.import_module(name)"
    )
    assert package.changes("shapes/unused.py", "1", "2")


def test_what_is_no_python_counts_by_its_bytes(package):
    package.write("shapes/tables.py", "WEIGHTS = [")
    before = package.digest()
    package.write("shapes/tables.py", "WEIGHTS = [  ")
    assert package.digest() != before


def test_an_extension_module_counts_by_its_bytes(package):
    (package.folder / "shapes/tables.py").unlink()
    extension = package.folder / "shapes" / f"tables{EXTENSION_SUFFIXES[0]}"
    digests = set()
    for content in (b"first", b"second"):
        extension.write_bytes(content)
        digests.add(package.digest())
    assert len(digests) == 2


def test_the_modules_beside_a_plugin_file_count(package):
    package.write("alone.py", "from neighbour import LEVEL\nclass L4:\n    level = LEVEL")
    package.write("neighbour.py", "LEVEL = 4")
    before = package.digest("alone:L4", "alone.py")
    package.write("neighbour.py", "LEVEL = 5")
    assert package.digest("alone:L4", "alone.py") != before


def test_the_project_of_an_editable_installation_counts(package, tmp_path, monkeypatch):
    package.write("beside.py", "LEVEL = 4")
    package.edit("shapes/tables.py", "WEIGHTS", "from beside import LEVEL\nWEIGHTS")
    installed = tmp_path / "installed"
    folder = installed / "shapes_plugin-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: shapes-plugin\nVersion: 1.0\n")
    url = f'{{"url": "{package.folder.as_uri()}", "dir_info": {{"editable": true}}}}'
    (folder / "direct_url.json").write_text(url)
    monkeypatch.syspath_prepend(installed)
    before = package.digest(dist="shapes-plugin")
    package.write("beside.py", "LEVEL = 5")
    assert package.digest(dist="shapes-plugin") != before


def test_a_library_is_not_followed(package):
    package.edit("shapes/tables.py", "WEIGHTS", "import pluggy, numpy\nWEIGHTS")
    closure = source_closure.Closure(source_closure._Packages("shapes", "shapes"))
    closure.follow("shapes.distance")
    assert {name.partition(".")[0] for name in closure.modules} <= {"shapes", "icbench"}


CGAN, MSE, TRAINER = (
    "icbench.builtin.generators.cgan:load_cgan",
    "icbench.builtin.distances:MSE",
    "icbench.builtin.generators.cgan_training:CGANTrainer",
)


@pytest.fixture
def changed(monkeypatch):
    """Returns a function that gives the digests (of factories, of the engine) with some modules of icbench changed."""
    original = source_closure._content

    def digests(*modules):
        def content(spec):
            return original(spec) + (b"\nCHANGED = 1\n" if spec.name in modules else b"")

        monkeypatch.setattr(source_closure, "_content", content)
        source_closure._engine.cache_clear()
        found = {factory: source_digest.__wrapped__(factory, "icbench") for factory in (CGAN, MSE, TRAINER)}
        return found | {
            "loop": source_closure.loop_digest.__wrapped__(),
            "engine": source_closure.engine_digest.__wrapped__(),
        }

    yield digests
    source_closure._engine.cache_clear()


@pytest.mark.parametrize(
    ("module", "changing"),
    [
        ("icbench.builtin.generators.maps", {CGAN, TRAINER}),
        ("icbench.builtin.distances", {MSE}),
        ("icbench.builtin.generators.cgan_training", {TRAINER}),
        ("icbench.training.scoring", {TRAINER, "loop"}),
        ("icbench.training.checkpoint", {"loop"}),
        ("icbench.training.loop", {"loop"}),
        ("icbench.training.weights", {CGAN, TRAINER, "loop"}),
        ("icbench.engine.batch", {"engine"}),
        ("icbench.engine.rng", {"engine"}),
        ("icbench.compute.products", {"engine"}),
        ("icbench.running.runners", {"engine"}),
        ("icbench.kinds.classifier", {"engine"}),
        ("icbench.records.record", set()),
        ("icbench.compute.environment", set()),
        ("icbench.report.run", set()),
        ("icbench.running.session", set()),
        ("icbench", set()),
    ],
)
def test_of_icbench_each_part_counts_where_it_decides_numbers(changed, module, changing):
    before, after = changed(), changed(module)
    assert {name for name in before if before[name] != after[name]} == changing


@pytest.mark.parametrize("part", ["loop_digest", "engine_digest"])
def test_a_training_s_digest_is_of_the_loop_and_the_engine_too(monkeypatch, part):
    before = source_closure.training_digest(TRAINER, "icbench")
    monkeypatch.setattr(source_closure, part, lambda: "sha256:other")
    assert source_closure.training_digest(TRAINER, "icbench") != before


def test_what_is_neutral_exists():
    for name in source_closure.NEUTRAL:
        path = Path(source_closure.__file__).parents[2] / name.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), name


def test_a_file_is_read_again_only_when_its_content_changes(monkeypatch):
    parses = []
    original = source_syntax.parse_source
    monkeypatch.setattr(source_syntax, "parse_source", lambda content: parses.append(content) or original(content))
    first = source_syntax.read_source(b"A = 'not seen before'")
    source_syntax.read_source.cache_clear()
    assert source_syntax.read_source(b"A = 'not seen before'") == first
    assert len(parses) == 1
    source_syntax.read_source(b"A = 'nor this'")
    assert len(parses) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", "[[], [], 1, 2]", '[[["d"]], [], false]', "null"])
def test_a_cache_that_cannot_be_read_is_made_anew(cache, content):
    source = b"import os\nA = 1\ndef b():\n    return A"
    source_syntax.read_source.cache_clear()
    first = source_syntax.read_source(source)
    [kept] = (cache / "sources").iterdir()
    kept.write_text(content)
    source_syntax.read_source.cache_clear()
    assert source_syntax.read_source(source) == first


def test_a_cache_that_cannot_be_written_is_done_without(cache):
    cache.parent.mkdir()
    cache.write_text("a file where a folder should be")
    source_syntax.read_source.cache_clear()
    say_once.cache_clear()
    with pytest.warns(FolderWarning, match="cannot be written"):
        assert source_syntax.read_source(b"A = 1").pieces

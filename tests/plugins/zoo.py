"""Distributions that are broken, each in its own way, written as they lie in an environment once installed."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

HEAD = "from icbench import Component, Param, hookimpl\n"


@dataclass(frozen=True)
class Animal:
    """One broken distribution.

    Args:
        code: of its module; None leaves the module out.
        state, stage: what `icbench plugins` has to say of it.
        asked: a kind and name to ask for, and the exit code that `icbench run` ends with then.
        value: the entry point's, if not the module.
        metadata: further lines of its METADATA.
    """

    code: str | bytes | None
    state: str
    stage: str = ""
    asked: tuple[str, str, int] | None = None
    value: str = ""
    metadata: str = ""


def hook(body: str, kind: str = "distances", arguments: str = "") -> str:
    return (
        HEAD + f"@hookimpl\ndef icbench_{kind}({arguments}):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    )


def own(name: str, factory: str) -> str:
    return hook(f"yield Component('{name}', '{factory}', 'x')")


ZOO = {
    "missing-module": Animal(None, "broken", "import", ("distance", "missing-module", 4)),
    "import-error": Animal("import nothing_of_this_name", "broken", "import", ("distance", "import_error", 4)),
    "import-raises": Animal("raise RuntimeError('two\\nlines')", "broken", "import"),
    "syntax-error": Animal("def broken(:", "broken", "import"),
    "not-utf8": Animal(b"# \xff\xfe\nx = '\xff'\n", "broken", "import"),
    "exits": Animal("import sys; sys.exit(0)", "broken", "import"),
    "recursion": Animal("def f(): return f()\nf()", "broken", "import"),
    "no-attribute": Animal("", "broken", "import", value="no_attribute:nothing_here"),
    "bad-value": Animal("", "broken", "import", value="this is no module!"),
    "prints": Animal("print('noise on stdout')\n" + own("prints", "prints:X"), "active"),
    "changes-folder": Animal("import os; os.chdir('/')\n" + own("changes-folder", "x:X"), "active"),
    "no-hooks": Animal("x = 1", "broken", "hook signature"),
    "misspelt-hook": Animal(hook("yield 1", kind="distanzes"), "broken", "hook signature"),
    "hook-arguments": Animal(hook("yield 1", arguments="config"), "broken", "hook signature"),
    "hook-raises": Animal(hook("return 1 / 0"), "broken", "hook call"),
    "hook-exits": Animal(hook("raise SystemExit('bye')"), "broken", "hook call"),
    "returns-none": Animal(hook("return None"), "broken", "hook call"),
    "returns-component": Animal(hook("return Component('x', 'x:X', 'x')"), "broken", "hook call"),
    "returns-number": Animal(hook("return 3"), "broken", "iteration"),
    "yields-then-raises": Animal(
        hook("yield Component('a-good-one', 'x:X', 'x')\nraise OSError"), "broken", "iteration"
    ),
    "endless": Animal(
        hook("number = 0\nwhile True:\n    number += 1\n    yield Component(f'e{number}', 'x:X', 'x')"), "broken"
    ),
    "yields-text": Animal(hook("yield 'mse'"), "broken", "bad record"),
    "bad-name": Animal(own("Bad Name[red]", "x:X"), "broken", "bad record"),
    "bad-factory": Animal(own("bad-factory", "nowhere"), "broken", "bad record", ("distance", "bad-factory", 4)),
    "twice": Animal(own("twice", "x:X") + "    yield Component('twice', 'x:X', 'x')\n", "broken", "bad record"),
    "bad-default": Animal(
        hook("yield Component('d', 'x:X', 'x', params=(Param('n', 9, high=1),))"), "broken", "bad record"
    ),
    "takes-mse": Animal(own("mse", "x:X"), "conflict"),
    "lost-factory": Animal(own("lost-factory", "no_such_module:X"), "active", "", ("distance", "lost-factory", 4)),
    "failing-factory": Animal(
        own("failing-factory", "failing_factory:make") + "def make(): raise ValueError('no luck')\n",
        "active",
        "",
        ("distance", "failing-factory", 4),
    ),
    "wrong-type": Animal(
        own("wrong-type", "wrong_type:make") + "def make(): return 3\n", "active", "", ("distance", "wrong-type", 4)
    ),
    "wrong-parameters": Animal(
        hook("yield Component('wrong-parameters', 'wrong_parameters:make', 'x', params=(Param('n', 1),))")
        + "def make(): return 3\n",
        "active",
        "",
        ("distance", "wrong-parameters", 4),
    ),
    "for-another-icbench": Animal(
        "raise RuntimeError('it must not be imported')",
        "incompatible",
        "",
        ("distance", "for_another_icbench", 4),
        metadata="Requires-Dist: icbench>=99\n",
    ),
}


def install(folder: Path, animals: dict[str, Animal] = ZOO) -> None:
    """Write the distributions into `folder`, which only has to be on the path then."""
    for name, animal in animals.items():
        module = name.replace("-", "_")
        info = folder / f"icbench_{module}-1.0.dist-info"
        info.mkdir(parents=True)
        metadata = f"Metadata-Version: 2.1\nName: icbench-{name}\nVersion: 1.0\n{animal.metadata}"
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text(f"[icbench]\n{module} = {animal.value or module}\n")
        (info / "RECORD").write_text(f"{module}.py,,\n")
        if isinstance(animal.code, bytes):
            (folder / f"{module}.py").write_bytes(animal.code)
        elif animal.code is not None:
            (folder / f"{module}.py").write_text(dedent(animal.code))

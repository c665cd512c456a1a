"""The sessions that people run by hand; `nox` runs them all."""

import nox

nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True


@nox.session
def lint(session: nox.Session) -> None:
    """Style and format."""
    session.install("ruff>=0.9")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def layers(session: nox.Session) -> None:
    """Dependencies point one way: the contracts in pyproject.toml."""
    session.install("-e", ".", "import-linter>=2.17")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Run mypy in strict mode on the package."""
    session.install("-e", ".", "mypy>=1.15")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """The test suite."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The site, with warnings as errors."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-W", "-n", "docs", "build/site")


@nox.session(default=False)
def benchmarks(session: nox.Session) -> None:
    """The timings; nothing else should run on the machine meanwhile."""
    session.install("-e", ".[benchmark]")
    session.run("pytest", "benchmarks", "--benchmark-only", *session.posargs)

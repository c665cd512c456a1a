"""The command line as tests call it."""

import pytest

from icbench.cli.main import main


def icbench(capsys, *arguments):
    """The exit code, stdout and stderr of one command."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err

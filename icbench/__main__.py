"""`python -m icbench`."""

from icbench.cli.main import main

main()

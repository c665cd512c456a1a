"""`python -m icbench`."""

from icbench.cli.main import main

if __name__ == "__main__":
    main()

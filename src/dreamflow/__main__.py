"""`python -m dreamflow` is the `dreamflow` command."""

from dreamflow.entrypoints.cli import main

main()

"""`python -m rocker` is the command `rocker`."""

from rocker.cli.main import main

main()

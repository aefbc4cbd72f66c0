"""`python -m cli` is `ratchet`."""

from cli.main import main

main()

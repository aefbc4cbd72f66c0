"""Exit codes of the `ratchet` command."""

EXIT_DONE, EXIT_NO_RESULT, EXIT_USAGE, EXIT_STOPPED = 0, 1, 2, 130

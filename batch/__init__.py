"""Many episodes: the runner, progress, the report."""

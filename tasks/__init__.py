"""What to solve: task files of three kinds, splits, and the bundled task sets."""

"""What to solve: loaders, splits, the bundled task sets."""

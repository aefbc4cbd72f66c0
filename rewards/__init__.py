"""Numbers in [0, 1]: reward components and how they are weighted."""

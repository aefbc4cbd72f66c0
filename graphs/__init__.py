"""How stages connect: the episode, the learning loop and its periodic subgraphs."""

"""One stage per file: plain functions from state to partial state."""

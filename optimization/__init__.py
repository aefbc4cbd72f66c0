"""Decisions of prompt optimisation as pure functions: what to try, what to accept, when to stop."""

"""Saved runs: savers, the ledger, what a run was and did."""

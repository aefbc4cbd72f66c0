"""Strangers' code: limits, isolation, a judge apart from the program, a verdict per test."""

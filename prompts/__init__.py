"""Texts and versions: the named components of a prompt set and how they are rendered."""

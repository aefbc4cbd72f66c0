"""The components that programs are made of, as tables: one line each, general purpose, grouped by what they work on."""

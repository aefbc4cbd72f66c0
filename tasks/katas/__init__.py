"""The bundled task sets: `katas.jsonl` (generated, compositional) and `hard.jsonl` (written by hand)."""

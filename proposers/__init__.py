"""Who proposes better prompts: small strategies behind one protocol."""

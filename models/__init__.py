"""Chat models: the factory, recorded answers, the built-in offline solver."""

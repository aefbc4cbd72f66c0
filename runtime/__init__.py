"""What a run may use: settings, the context, and how one becomes the other."""

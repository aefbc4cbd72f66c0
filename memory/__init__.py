"""Remembered knowledge: records in the home, engines that find them, an add pipeline."""

"""Measures, never judges: figures beside those of a bare httpx reader of the same streams in the same run."""

"""In which steps an image was made: stages, sketches, files, distances; no torch."""

from goldenseed.trace.recording import record

__all__ = ["record"]

"""Decided: marking the images of a run, in a file, a browser or a terminal, and applying it."""

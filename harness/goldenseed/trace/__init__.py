"""In which steps an image was made: stages, sketches, files, distances; no torch."""

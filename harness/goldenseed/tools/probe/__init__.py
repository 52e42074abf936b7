"""What moves the pixels here: a few cases rerun with one thing changed at a time."""

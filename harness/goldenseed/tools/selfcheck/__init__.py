"""Whether the gates of a suite fail when an image is wrong."""

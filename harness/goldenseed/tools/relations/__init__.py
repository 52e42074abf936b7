"""Relations: which ways of making an image are asked for, and how their images are made."""

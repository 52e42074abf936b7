"""What is in an image by itself, whatever was accepted: scores of one image, and limits on them."""

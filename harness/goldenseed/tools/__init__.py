"""What is tried out: what moves pixels here, how far by itself, whether gates can fail."""

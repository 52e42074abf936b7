"""Models that write: the language models of prompts, and those that are asked of an image."""

"""Actors of a Ray cluster that make images: joined, started, given tasks, replaced when lost."""

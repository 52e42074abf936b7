"""Archives of runs that a stranger can check years later, offline and without torch."""

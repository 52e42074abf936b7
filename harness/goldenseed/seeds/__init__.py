"""A library of seeds: recipes worth keeping, found again by words, by scores and by likeness."""

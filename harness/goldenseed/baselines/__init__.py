"""Against what: the accepted images of every case, kept by profile."""

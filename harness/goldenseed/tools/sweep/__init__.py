"""Many seeds and settings of one case: tried, scored, filtered, ranked, on contact sheets."""

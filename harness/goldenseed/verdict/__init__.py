"""The verdict on a case: its vocabulary, its order, and what rounding explains."""

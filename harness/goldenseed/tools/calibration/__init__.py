"""How far the cases of a suite move by themselves: repeated runs, and what they have in common."""

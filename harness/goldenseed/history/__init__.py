"""What runs leave behind, kept over time: one point a case and run, in a SQLite file."""

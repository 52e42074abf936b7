"""One test session: collecting cases, running them, keeping the record."""

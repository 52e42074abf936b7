"""Everything that made the model `shapes-sd`, and that measures how well it listens."""

"""WHAT is to be generated: suite files, their schema, loading, cases and recipes."""

"""Recipes of elsewhere: what other programs and people write down, to and from suite cases."""

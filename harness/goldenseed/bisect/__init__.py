"""Which change did it: environments between a good and a bad one, tried until one is to blame."""

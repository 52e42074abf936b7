"""The drift benchmark: labelled pairs of images, and what every rule makes of them.

    python -m tests.benchmarks.drift make FOLDER     # some twenty minutes on two idle cores
    python -m tests.benchmarks.drift score FOLDER    # the tables and the picture of the docs
    python -m tests.benchmarks.drift fields FOLDER   # how the float pictures differ
    python -m tests.benchmarks.drift kinds-make FOLDER    # six further architectures
    python -m tests.benchmarks.drift kinds-score FOLDER

``making`` makes the images of each change in ``changes`` with the models of ``models``; ``rules``
holds what others and we gate with; ``scoring`` counts misses and false alarms.
"""

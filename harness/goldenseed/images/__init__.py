"""How far apart two images are: pure functions of two images, and the gates on them.

``metrics`` and ``gates`` stay light (neither numpy nor Pillow), so that a suite's gates can be
checked while tests are collected; ``measure`` and ``compare`` measure.
"""

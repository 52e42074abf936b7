"""How far apart two images are: pure functions of two images, and the gates on them.

Import the module you need: ``names`` and ``gates`` stay light (neither numpy nor Pillow), so that
a suite's gates can be checked while tests are collected; ``compare`` measures.
"""

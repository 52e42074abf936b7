"""What is in an image by itself, whatever was accepted: scores of one image, and limits on them.

Import the module you need: ``names`` stays light (neither numpy nor Pillow), so that a suite's
limits can be checked while tests are collected; ``scoring`` measures.
"""

"""What is in an image by itself, whatever was accepted: scores of one image, and limits on them.

``scores`` stays light (neither numpy nor Pillow), so that limits can be checked at collection.
"""

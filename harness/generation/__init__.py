"""How an image is made: the back end and what it checks before and after."""

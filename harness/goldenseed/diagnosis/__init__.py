"""Why an image differs: where in the making of it the difference began."""

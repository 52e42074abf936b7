"""Post-processing: what is done to a picture after the model made it, step by step."""

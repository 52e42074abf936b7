"""The back end that makes images with a diffusers pipeline in this process."""

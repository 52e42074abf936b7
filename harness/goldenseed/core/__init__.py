"""Errors, safe files, strict JSON, safe pixels: what everything stands on."""

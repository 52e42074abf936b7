"""Where a run happens: determinism settings, fingerprint, profile."""

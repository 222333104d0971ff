"""The example plugin's own tests: copy them with it."""

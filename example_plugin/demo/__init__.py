"""A visit from start to end, with real processes: `python -m example_plugin.demo`. Exit 1 if a step differs."""

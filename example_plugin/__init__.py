"""A plugin to copy: visitors get a badge that opens the doors. Begin with `plugin.py`."""

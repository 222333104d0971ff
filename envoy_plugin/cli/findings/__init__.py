"""What `check` and `doctor` find: a module for each place where something can be wrong."""

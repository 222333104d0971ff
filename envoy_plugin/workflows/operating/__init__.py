"""What operators do with jobs: the parts of `JobsManager`, a module for each subject."""

"""What is told of jobs as they change, to whom, and in which order."""

"""The worker: claims jobs, does what they are for, ends them."""

"""What `dev` runs and records, and how other terminals ask it."""

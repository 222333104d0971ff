"""What the commands about jobs and queues share: which jobs, what is done to them, how they are shown."""

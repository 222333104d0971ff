"""What jobs are found by: their summary and tags, and the two ways to ask for them."""

"""How a workflow is kept, and how it goes on: made, stepped through, followed after every end, told in its history."""

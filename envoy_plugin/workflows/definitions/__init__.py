"""What workflows are made from: diagrams with their conditions, templates, and where they are kept."""

"""A toy backbone: nearest colours and positions, to show what a new paper has to bring."""

"""Generated sample data in the shapes of real sources, with labelled defects."""

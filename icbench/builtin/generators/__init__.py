"""The built-in generators, their trainings and their weights."""

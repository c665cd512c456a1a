"""Image files of any kind, and what brings them to the form that a generator knows."""

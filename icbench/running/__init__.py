"""An entry made ready and run: what it is, how it classifies, and what is kept of it."""

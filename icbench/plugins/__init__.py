"""Finding plugins and what they offer, so that a broken one costs its own components and nothing else."""

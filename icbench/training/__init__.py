"""Training a generator: the loop, the choice of the checkpoint, and the network that judges samples."""

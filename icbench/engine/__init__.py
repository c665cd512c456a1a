"""The inversion: from images to classes by gradient descent on a generator's inputs."""

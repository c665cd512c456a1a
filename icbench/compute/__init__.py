"""What icbench knows of the machine: devices, precision, matrix products, and what was measured of them."""

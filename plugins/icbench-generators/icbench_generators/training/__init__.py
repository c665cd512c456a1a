"""How the weights of this distribution are made, one trainer per generator; only `icbench train` imports it."""

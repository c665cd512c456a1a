"""What is found out about components on a few images before a run writes anything."""

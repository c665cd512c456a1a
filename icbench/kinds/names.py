"""What the kinds of components are called."""

KINDS = ("generator", "distance", "optimizer", "schedule", "dataset", "classifier")
"""What entries are made of."""

ALL_KINDS = (*KINDS, "suite")
"""What there are hooks for: suites are declared in terms of the others."""

INVERSION_KINDS = ("generator", "distance", "optimizer", "schedule")
"""The components of an inversion; a direct classifier is one of its own."""

TIERS = ("pixels", "features", "label features")
"""What an inversion knows besides pixels; a component declares `tier:features` (learned without labels) or
`tier:label features` (learned to tell classes apart) as a trait, and an entry is in the highest tier of its parts."""

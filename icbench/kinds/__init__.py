"""The contracts a component's code fulfils, one file per kind."""

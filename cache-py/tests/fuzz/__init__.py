"""Random programs over caches, compared with models. `python -m fuzz` runs a million calls of them."""

"""What memolith's Python package costs, beside functools and other caches. `python -m bench --help` says more."""

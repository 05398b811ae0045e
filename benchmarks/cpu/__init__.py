"""INT8 on CPU against the best that other tools give, model by model and backend by backend: `make bench-cpu`."""

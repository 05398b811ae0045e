"""The expected answers of the notebooks' exercises, one file a notebook, worked out from what the notebook measured."""

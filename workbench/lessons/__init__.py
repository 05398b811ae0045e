"""What the teaching notebooks draw; the formulas that they teach stand in the notebooks."""

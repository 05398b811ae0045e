"""Networks by name, with random weights: what they cost to run is as published, what they compute means nothing."""

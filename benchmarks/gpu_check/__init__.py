"""Every GPU backend and precision on a machine that has a GPU, and a bundle that tells others how it went."""

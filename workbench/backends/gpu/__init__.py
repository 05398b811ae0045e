"""What the backends for NVIDIA's GPUs share: what must be installed, what often breaks, and how much memory is in use."""

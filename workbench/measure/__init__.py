"""Latency in comparison groups, accuracy, memory, and their statistics."""

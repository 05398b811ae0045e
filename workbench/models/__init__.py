"""Models on disk, where they come from, and the samples that ship."""

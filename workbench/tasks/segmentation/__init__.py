"""Semantic segmentation: class maps, sliding windows, mean IoU."""

from workbench.tasks.segmentation.task import SegmentationOptions, SegmentationTask

__all__ = ["SegmentationOptions", "SegmentationTask"]

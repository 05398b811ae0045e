"""Object detection: data, decoders, suppression and metrics."""

from workbench.tasks.detection.decoders import Decoder
from workbench.tasks.detection.task import DetectionOptions, DetectionTask

__all__ = ["Decoder", "DetectionOptions", "DetectionTask"]

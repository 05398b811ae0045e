"""What the command line lets one choose from; loads nothing."""

from enum import StrEnum


class CompressMethod(StrEnum):
    """FastDeploy's two ways to compress a model."""

    PTQ = "PTQ"
    QAT = "QAT"


class CompressDevice(StrEnum):
    """The devices that a recipe made from a configuration deploys on."""

    CPU = "cpu"
    GPU = "gpu"

"""The task of a zoo model: what its entry states, with the user's data left to fill in."""

from workbench.inspection.notes import FILL_IN, Entry, Proposal, fact, fill_in, guess
from workbench.models.zoo import Entry as ZooEntry
from workbench.models.zoo import Family

ZOO = "the zoo"
SCALE_INPUTS = ("scale_factor", "im_shape")


def propose_from_zoo(entry: ZooEntry) -> Proposal:
    """Task and options of a zoo model."""
    options: dict[str, Entry] = {
        Family.CLASSIFICATION: _classification,
        Family.DETECTION: _detection,
        Family.SEGMENTATION: _segmentation,
        Family.TEXT: _text,
    }[entry.task](entry)
    if entry.preparation is not None:
        prepared = entry.preparation.model_dump(mode="json", exclude_defaults=True)
        options["preparation"] = fact(prepared, ZOO)
    return Proposal(fact(str(entry.task), ZOO), options)


def _classification(entry: ZooEntry) -> dict[str, Entry]:
    return {
        "input": guess(entry.inputs[0].name, f"archives call it {' or '.join((entry.inputs[0].name, *entry.inputs[0].also))}"),
        "images": fill_in(f"{FILL_IN}/ILSVRC2012_val", "folder of the images"),
        "image_list": fill_in(f"{FILL_IN}/val_list.txt", "lines of name and class; leave it out for a folder for each class"),
    }  # fmt: skip


def _detection(entry: ZooEntry) -> dict[str, Entry]:
    options = {
        "inputs": fact([given.name for given in entry.inputs], ZOO),
        "evaluation": fill_in(
            {"format": "coco", "annotations": f"{FILL_IN}/instances_val2017.json", "images": f"{FILL_IN}/val2017"},
            "images and their boxes; format voc or yolo does as well",
        ),
    }
    if "VOC" in entry.metric:
        options["evaluation"] = fill_in(
            {"format": "voc", "annotations": f"{FILL_IN}/VOC2007"}, "the folder of the data"
        )
    if entry.decoder is not None and entry.decoder.masks:
        options["masks"] = fact(True, ZOO)
    if entry.decoder is not None:
        stated = entry.decoder
        shown = (
            f", which its publisher deploys with score {stated.score} and overlap {stated.iou}" if stated.score else ""
        )
        options = {"decoder": fact(str(stated.name), f"{ZOO}{shown}")} | options
    return options


def _segmentation(entry: ZooEntry) -> dict[str, Entry]:
    return {
        "input": fact(entry.inputs[0].name, ZOO),
        "layout": fact("cityscapes", ZOO),
        "images": fill_in(f"{FILL_IN}/cityscapes", "the folder with leftImg8bit and gtFine"),
    }


def _text(entry: ZooEntry) -> dict[str, Entry]:
    return {
        "vocabulary": fill_in(f"{FILL_IN}/vocab.txt", "the vocabulary that the model was trained with"),
        "data": fill_in(f"{FILL_IN}/dev.tsv", "sentences and their classes"),
    }

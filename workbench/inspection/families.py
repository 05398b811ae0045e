"""What a model is for, guessed from the names and shapes that go in and come out, family by family."""

import math
from collections.abc import Callable

from workbench.inspection.description import Description
from workbench.inspection.notes import FILL_IN, Entry, Proposal, fact, fill_in, guess
from workbench.models.model import TensorSpec
from workbench.tasks.deploy_files import DeployFile, Family
from workbench.tasks.detection.decoders import Decoder
from workbench.tasks.detection.task import IMAGE_SHAPE, SCALE_FACTOR
from workbench.tasks.preparation import Interpolation, Preparation, Resize
from workbench.tasks.segmentation.task import SegmentationTask
from workbench.tasks.text.tokenizer import TextInput

Rule = Callable[[Description, str], Proposal | None]
BOX, SCORED_BOX = 4, 6
SUPPRESSION = ("multiclass_nms", "matrix_nms", "NonMaxSuppression")
CENTRED_SIDE = 5  # of a YOLO row: centre, size, and whether there is an object; the rest are classes
STRIDES = (8, 16, 32)
USUAL_SIDE = {Family.DETECTION: 640, Family.CLASSIFICATION: 224}
CROP = 256 / 224  # short side against the crop that is taken of it
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TEXT_INPUTS = {"type": TextInput.TOKEN_TYPE_IDS, "seg": TextInput.TOKEN_TYPE_IDS, "sent": TextInput.TOKEN_TYPE_IDS,
               "mask": TextInput.ATTENTION_MASK, "pos": TextInput.POSITION_IDS}  # fmt: skip
BY_PLACE = (TextInput.TOKEN_IDS, TextInput.TOKEN_TYPE_IDS, TextInput.ATTENTION_MASK, TextInput.POSITION_IDS)


def text(model: Description, name: str) -> Proposal | None:
    """Whole numbers of rank 2 go in: tokens."""
    if not all(len(given.shape) == 2 and given.dtype in ("int64", "int32") for given in model.inputs):
        return None
    kinds = [_text_input(given.name, place) for place, given in enumerate(model.inputs)]
    if len(set(kinds)) < len(kinds) or len(model.inputs) > len(BY_PLACE):
        kinds = list(BY_PLACE[: len(model.inputs)])
    length = model.inputs[0].shape[1]
    options = {
        "vocabulary": fill_in(f"{FILL_IN}/vocab.txt", "the vocabulary that the model was trained with, a token a line"),
        "data": fill_in(f"{FILL_IN}/dev.tsv", "sentences and their classes, .tsv or .jsonl; name its columns with text, pair, label"),
        "inputs": guess({str(kind): given.name for kind, given in zip(kinds, model.inputs, strict=True)}, "from the inputs' names and order"),
        "max_length": fact(length, "the input's shape") if length > 0 else guess(128, "the model takes any length"),
    }  # fmt: skip
    return Proposal(guess("text", f"its inputs are whole numbers [n, length]: {_names(model.inputs)}"), options)


def suppressed_boxes(model: Description, name: str) -> Proposal | None:
    """Rows of class, score and box come out, of a network that suppresses, tells their number, or is told the image's scale."""
    rows = [given for given in model.outputs if given.shape[-1:] == (SCORED_BOX,) and given.dtype.startswith("float")]
    if len(rows) != 1 or model.image is None or len(model.outputs) > 3:
        return None
    suppresses = any(kind.startswith(SUPPRESSION) for kind in model.operators)
    counted = any(len(given.shape) <= 1 or given.dtype.startswith("int") for given in model.outputs)
    if not (suppresses or counted or len(model.inputs) > 1):
        return None  # six classes, or a YOLO of one
    return _detection(model, Decoder.NMS_INSIDE, f"output {rows[0].name} has rows of class, score and box")


def boxes_and_scores(model: Description, name: str) -> Proposal | None:
    """PP-YOLOE without its suppression: boxes [n, 4] and scores [classes, n]."""
    if model.image is None or len(model.outputs) != 2 or any(len(given.shape) != 3 for given in model.outputs):
        return None
    for boxes, scores in (model.outputs, model.outputs[::-1]):
        if boxes.shape[2] == BOX and scores.shape[2] == boxes.shape[1] and scores.shape[1] != boxes.shape[1]:
            return _detection(model, Decoder.PPYOLOE, f"outputs {boxes.name} and {scores.name} are boxes and scores")
    return None


def yolo(model: Description, name: str) -> Proposal | None:
    """One output [1, cells, 5 + classes], perhaps with the maps it was made of beside it."""
    found = [given for given in model.outputs if len(given.shape) == 3 and given.dtype.startswith("float")]
    if model.image is None or len(found) != 1 or found[0].shape[2] <= CENTRED_SIDE or len(model.inputs) != 1:
        return None
    (output,) = found
    rows, width = output.shape[1], output.shape[2]
    if 0 < rows < width:
        return None
    cells = sum(_cells_by_stride(model.image))
    named = next((kind for kind in (Decoder.YOLOV7, Decoder.YOLOV6, Decoder.YOLOV5) if str(kind) in name.lower()), None)
    if named is not None:
        decoder, reason = named, f"the file's name says {named}"
    elif rows == cells:
        decoder, reason = Decoder.YOLOV6, f"{rows} rows are one for each cell of strides {STRIDES}, as YOLOv6 has"
    else:
        decoder, reason = (
            Decoder.YOLOV5,
            f"rows of {width}: box, object score, {width - CENTRED_SIDE} classes; YOLOv7 has the same",
        )
    return _detection(model, decoder, reason)


def segmentation(model: Description, name: str) -> Proposal | None:
    """A score for each class and pixel comes out, or a class for each pixel."""
    image = model.image
    if image is None or len(model.inputs) != 1:
        return None
    for output in model.outputs:
        if output.dtype.startswith("int") and len(output.shape) in (3, 4):
            classes = fill_in(
                2, "the number of classes: the network picks the class itself, so its shape does not tell"
            )
            return _segmentation(model, classes, f"output {output.name} is whole numbers, one for each pixel", output)
        if (
            len(output.shape) == 4
            and 2 <= output.shape[1] < 255
            and len(model.outputs) <= 3
            and _as_large(output, image)
        ):
            classes = guess(output.shape[1], f"output {output.name} has so many scores for each pixel")
            return _segmentation(model, classes, f"output {output.name} has scores for each pixel", output)
    return None


def classification(model: Description, name: str) -> Proposal | None:
    """One score for each class."""
    found = [given for given in model.outputs if len(given.shape) == 2 and given.shape[1] > 1]
    if model.image is None or len(model.inputs) != 1 or len(found) != 1:
        return None
    side, note = _side(model.image, Family.CLASSIFICATION)
    options = {
        "input": fact(model.image.name, "the file"),
        "images": fill_in(f"{FILL_IN}/images", "folder with a folder for each class, or of images that image_list names"),
        "preparation": guess(_plain(Preparation(size=side, resize=Resize.SHORT_SIDE, short_side=round(max(side) * CROP), mean=MEAN, std=STD)), f"as is usual for ImageNet; {note}"),
    }  # fmt: skip
    if len(model.outputs) > 1:
        options["output"] = guess(found[0].name, "the only output [n, classes]")
    return Proposal(
        guess("classification", f"output {found[0].name} has {found[0].shape[1]} scores for each image"), options
    )


RULES: dict[Family | None, tuple[Rule, ...]] = {
    Family.DETECTION: (suppressed_boxes, boxes_and_scores, yolo),
    Family.SEGMENTATION: (segmentation,),
    Family.CLASSIFICATION: (classification,),
    None: (text, suppressed_boxes, boxes_and_scores, yolo, segmentation, classification),
}


def propose(model: Description, name: str, deployed: DeployFile | None = None, deploy_file: str = "") -> Proposal:
    """What a model called `name` is for. `deployed`: the deploy file beside it, which knows better, and its path."""
    found = next((made for rule in RULES[deployed.family if deployed else None] if (made := rule(model, name))), None)
    if found is None:
        return Proposal(_own_task(model, deployed), task_file=True)
    if deployed is None:
        return found
    options = dict(found.options)
    if deployed.family is Family.DETECTION:
        options["preparation"] = fact(_plain(deployed.preparation), deploy_file)
        if deployed.masks:
            options["masks"] = fact(True, deploy_file)
    else:
        options.pop("preparation", None)
        options = {"deploy_file": Entry(deploy_file, "how an image becomes the input stands in it")} | options
        if deployed.labels and "classes" in options:
            options["classes"] = fact(len(deployed.labels), deploy_file)
    return Proposal(fact(found.task.value, deploy_file), options, input_shapes=found.input_shapes)


def _detection(model: Description, decoder: Decoder, reason: str) -> Proposal:
    assert model.image is not None
    side, note = _side(model.image, Family.DETECTION)
    paddle_inputs = {SCALE_FACTOR, IMAGE_SHAPE} & {given.name for given in model.inputs}
    if decoder in (Decoder.PPYOLOE, Decoder.NMS_INSIDE):
        preparation = Preparation(
            size=side, resize=Resize.STRETCH, interpolation=Interpolation.CUBIC, mean=MEAN, std=STD
        )
        usual = "as PaddleDetection's models are exported"
    else:
        preparation = Preparation(size=side, resize=Resize.LETTERBOX)
        usual = "as the YOLO series is deployed"
    options = {
        "decoder": guess(str(decoder), reason),
        "inputs": fact([given.name for given in model.inputs], "the file"),
        "preparation": guess(_plain(preparation), f"{usual}; {note}"),
        "evaluation": fill_in({"format": "coco", "annotations": f"{FILL_IN}/instances_val.json", "images": f"{FILL_IN}/images"},
                              "images and their boxes; format voc or yolo does as well"),
    }  # fmt: skip
    also = f", and it takes {', '.join(sorted(paddle_inputs))}" if paddle_inputs else ""
    shapes = _fixed(model, side) if -1 in model.image.shape[2:] else None
    return Proposal(guess("detection", f"{reason}{also}"), options, input_shapes=shapes)


def _segmentation(model: Description, classes: Entry, reason: str, output: TensorSpec) -> Proposal:
    assert model.image is not None
    size = model.image.shape[2:]
    fixed = {"size": size, "resize": Resize.STRETCH} if -1 not in size else {}
    preparation = SegmentationTask.usual.model_copy(update=fixed)
    options = {
        "input": fact(model.image.name, "the file"),
        "classes": classes,
        "images": fill_in(f"{FILL_IN}/images", "folder of the images; layout: cityscapes takes that data as it is"),
        "masks": fill_in(f"{FILL_IN}/masks", "folder of their masks, pixel values being classes"),
        "preparation": guess(_plain(preparation), "as PaddleSeg's models are exported"),
    }  # fmt: skip
    if len(model.outputs) > 1:
        options["output"] = guess(output.name, "the first that has a value for each pixel")
    return Proposal(guess("segmentation", reason), options)


def _own_task(model: Description, deployed: DeployFile | None) -> Entry:
    """The user's own task: what these outputs look like, and why no task of the package reads them."""
    said = f"no task of the package reads the outputs {_names(model.outputs)}"
    cells = _cells_by_stride(model.image) if model.image is not None else {}
    heads = {given.shape[1] for given in model.outputs if len(given.shape) == 3}
    if deployed is not None:
        said = f"the deploy file says {deployed.family}, but {said}"
    elif cells and heads == set(cells):
        strides = ", ".join(str(cells[count]) for count in sorted(heads, reverse=True))
        said = f"guess: a detector that gives its raw heads, at strides {strides}; {said}"
    return fill_in("task.py", f"a python file with your own Task (examples/nanodet/task.py is one); {said}")


def _text_input(name: str, place: int) -> TextInput:
    found = next((kind for part, kind in TEXT_INPUTS.items() if part in name.lower()), None)
    return found or BY_PLACE[0 if place == 0 else min(place, len(BY_PLACE) - 1)]


def _side(image: TensorSpec, family: Family) -> tuple[tuple[int, int], str]:
    height, width = image.shape[2:]
    if height > 0 and width > 0:
        return (height, width), "the size is the input's"
    side = USUAL_SIDE[family]
    return (side, side), f"the model takes any size, {side} is usual"


def _fixed(model: Description, side: tuple[int, int]) -> Entry:
    assert model.image is not None
    return guess({model.image.name: [1, 3, *side]}, "the model takes any size; this is the preparation's")


def _cells_by_stride(image: TensorSpec) -> dict[int, int]:
    """The number of cells of a detector's usual heads -> their stride; empty where the size is not fixed."""
    height, width = image.shape[2:]
    if height < 0 or width < 0:
        return {}
    return {math.ceil(height / stride) * math.ceil(width / stride): stride for stride in STRIDES}


def _as_large(output: TensorSpec, image: TensorSpec) -> bool:
    """Whether an output may be a map of the image: of its size or a whole part of it, or of any."""
    sides = list(zip(output.shape[2:], image.shape[2:], strict=True))
    return all(-1 in pair or (pair[0] > 1 and pair[1] % pair[0] == 0) for pair in sides)


def _plain(preparation: Preparation) -> dict[str, object]:
    return preparation.model_dump(mode="json", exclude_defaults=True)


def _names(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(map(str, specs))

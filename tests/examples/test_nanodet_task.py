"""The NanoDet example: its task against slow textbook code, plain pycocotools and the real FP32 model."""

import importlib.util
import io
import json
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from workbench.errors import InputError

REPOSITORY = Path(__file__).parents[2]
DATA = Path(os.environ.get("WORKBENCH_CHECK_DATA", REPOSITORY.parent / "shared" / "data"))
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"no check data at {DATA}; WORKBENCH_CHECK_DATA names another folder"
)
CELLS = {8: 52, 16: 26, 32: 13}  # stride in pixels: cells per side
IMAGE = (480, 640)  # height, width

Truth = dict[str, Any]
Prediction = list[list[float]]


def load_example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("nanodet_task", REPOSITORY / "examples" / "nanodet" / "task.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLE = load_example()


def make_task(data: Path, folder: Path = Path(), **options: Any) -> Any:
    return EXAMPLE.NanoDet(EXAMPLE.NanoDetOptions(data=data, **options), folder)


@pytest.fixture
def task() -> Any:
    return make_task(Path("unused"))


def random_outputs(candidates: int, classes: int) -> dict[str, NDArray[np.float32]]:
    """Outputs in shuffled order, under meaningless names, with so many scores above the threshold."""
    rng = np.random.default_rng(candidates)
    cells = sum(side**2 for side in CELLS.values())
    scores = rng.uniform(0, 0.04, (cells, 80)).astype(np.float32)
    chosen = rng.choice(cells * classes, candidates, replace=False)
    scores[chosen // classes, chosen % classes] = rng.uniform(0.06, 1, candidates)
    distributions = rng.normal(0, 1, (cells, 32)).astype(np.float32)
    ends = np.cumsum([side**2 for side in CELLS.values()])[:-1]
    arrays = [*np.split(distributions, ends), *np.split(scores, ends)]
    return {f"t{i}": arrays[k][None] for i, k in enumerate(rng.permutation(len(arrays)))}


def iou(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def reference_box(distribution: NDArray[np.float32], column: int, row: int, stride: int) -> list[float]:
    """One box in image pixels."""
    distances = []
    for side in range(4):
        weights = np.exp(distribution[8 * side : 8 * side + 8].astype(float))
        distances.append(stride * sum(i * weight for i, weight in enumerate(weights)) / weights.sum())
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    scale = 416 / max(IMAGE)
    return [v / scale for v in (x - distances[0], y - distances[1], x + distances[2], y + distances[3])]


def reference_postprocess(outputs: dict[str, NDArray[np.float32]]) -> Prediction:
    by_shape = {output.shape: output[0] for output in outputs.values()}
    candidates = []
    for stride, side in CELLS.items():
        scores, distributions = by_shape[1, side**2, 80], by_shape[1, side**2, 32]
        for cell in range(side**2):
            for class_id in range(80):
                if scores[cell, class_id] >= 0.05:
                    box = reference_box(distributions[cell], cell % side, cell // side, stride)
                    candidates.append([class_id, float(scores[cell, class_id]), *box])
    kept: Prediction = []
    for new in sorted(candidates, key=lambda candidate: -candidate[1]):
        if all(new[0] != old[0] or iou(new[2:], old[2:]) <= 0.6 for old in kept):
            kept.append(new)
    return kept[:100]


@pytest.mark.parametrize(("candidates", "classes"), [(1, 1), (60, 1), (300, 1), (300, 80), (900, 2), (3000, 80)])
def test_postprocess_equals_textbook_when_outputs_are_random(task: Any, candidates: int, classes: int) -> None:
    outputs = random_outputs(candidates, classes)
    found, expected = task.postprocess(outputs, IMAGE), reference_postprocess(outputs)
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-2)
    assert json.loads(json.dumps(found)) == found


def test_postprocess_is_empty_when_no_score_reaches_the_threshold(task: Any) -> None:
    assert task.postprocess(random_outputs(0, 1), IMAGE) == []


def test_postprocess_names_the_shapes_when_an_output_is_missing(task: Any) -> None:
    outputs = {name: output for name, output in random_outputs(1, 1).items() if output.shape != (1, 169, 80)}
    with pytest.raises(InputError, match=r"\(1, 169, 80\)"):
        task.postprocess(outputs, IMAGE)


@pytest.mark.parametrize(
    ("size", "content"), [((300, 400), (312, 416)), ((500, 250), (416, 208)), ((416, 416), (416, 416))]
)
def test_preprocess_pads_below_and_right_when_sides_differ(
    task: Any, size: tuple[int, int], content: tuple[int, int]
) -> None:
    colour = np.array([10, 120, 250], np.uint8)
    mean, std = np.array([103.53, 116.28, 123.675]), np.array([57.375, 57.12, 58.395])
    expected = np.zeros((416, 416, 3))
    expected[: content[0], : content[1]] = colour
    inputs, meta = task.preprocess(np.full((*size, 3), colour))
    ((name, array),) = inputs.items()
    assert (name, array.dtype, array.shape, meta) == ("input.1", np.float32, (1, 3, 416, 416), size)
    assert array.flags.c_contiguous
    np.testing.assert_allclose(array[0].transpose(1, 2, 0), (expected - mean) / std, atol=1e-5)


def random_truths(images: int = 6, boxes: int = 8) -> list[Truth]:
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 300, (images, boxes, 2))
    sizes = rng.uniform(5, 150, (images, boxes, 2))
    classes = rng.integers(0, 4, (images, boxes, 1))
    rows = np.concatenate([classes, corners, sizes], axis=2)
    return [{"width": 640, "height": 480, "boxes": image.tolist()} for image in rows]


def perfect(truth: Truth, score: float = 0.9) -> Prediction:
    return [[class_id, score, x, y, x + w, y + h] for class_id, x, y, w, h in truth["boxes"]]


def imperfect(truths: list[Truth]) -> list[Prediction]:
    """Shifted boxes, some of a wrong class, some missing, all with different scores."""
    rng = np.random.default_rng(2)
    predictions = []
    for truth in truths:
        rows = np.array(perfect(truth))[rng.random(len(truth["boxes"])) < 0.8]
        rows[:, 0] = (rows[:, 0] + (rng.random(len(rows)) < 0.2)) % 80
        rows[:, 1] = rng.random(len(rows))
        rows[:, 2:] += rng.normal(0, 4, (len(rows), 4))
        predictions.append(rows.tolist())
    return predictions


def plain_coco(predictions: list[Prediction], truths: list[Truth]) -> dict[str, float]:
    """mAP and mAP50 the usual way, without caching; every list position is an image of its own."""
    wanted = [(i, row[0], row[1:], {}) for i, truth in enumerate(truths) for row in truth["boxes"]]
    found = [
        (i, row[0], [row[2], row[3], row[4] - row[2], row[5] - row[3]], {"score": row[1]})
        for i, rows in enumerate(predictions)
        for row in rows
    ]
    with redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": i} for i in range(len(truths))],
            "categories": [{"id": class_id} for class_id in range(80)],
            "annotations": [
                {"id": k, "image_id": i, "category_id": int(c), "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
                for k, (i, c, box, _) in enumerate(wanted, start=1)
            ],
        }
        coco.createIndex()
        results = [{"image_id": i, "category_id": int(c), "bbox": box, **score} for i, c, box, score in found]
        evaluator = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return {"mAP": 100 * evaluator.stats[0], "mAP50": 100 * evaluator.stats[1]}


def test_metric_is_100_when_detector_is_perfect(task: Any) -> None:
    truths = random_truths()
    assert task.metric([perfect(truth) for truth in truths], truths) == pytest.approx({"mAP": 100, "mAP50": 100})


@pytest.mark.parametrize("positions", [[0, 1, 2, 3, 4, 5], [5, 0, 0, 3, 3, 3], [2, 2]])
def test_metric_equals_plain_pycocotools_when_images_repeat(task: Any, positions: list[int]) -> None:
    truths = random_truths()
    predictions = imperfect(truths)
    lists = [predictions[i] for i in positions], [truths[i] for i in positions]
    expected = plain_coco(*lists)
    assert 5 < expected["mAP"] < 95
    assert task.metric(*lists) == pytest.approx(expected)
    assert task.metric(*lists) == pytest.approx(expected), "the second call is served from the cache"


def test_metric_tells_predictions_apart_when_truth_is_the_same(task: Any) -> None:
    truths = random_truths()
    assert task.metric([perfect(truth) for truth in truths], truths)["mAP"] == pytest.approx(100)
    assert task.metric(imperfect(truths), truths)["mAP"] < 95


def test_metric_is_0_when_nothing_is_detected(task: Any) -> None:
    truths = random_truths()
    assert task.metric([[] for _ in truths], truths) == {"mAP": 0.0, "mAP50": 0.0}


def test_metric_counts_false_boxes_when_an_image_has_no_truth(task: Any) -> None:
    truths = [*random_truths(1), {"width": 640, "height": 480, "boxes": []}]
    predictions = [perfect(truths[0], score=0.5), perfect(truths[0], score=0.9)]
    assert 0 < task.metric(predictions, truths)["mAP"] < 60


def test_metric_is_undefined_when_there_is_no_truth_at_all(task: Any) -> None:
    empty = {"width": 640, "height": 480, "boxes": []}
    assert np.isnan(task.metric([[]], [empty])["mAP"])


@pytest.fixture
def write_data(tmp_path: Path) -> Callable[..., Path]:
    """Writes a data folder with one 40 x 20 pixel image per split and the given label text."""

    def write(labels: str | None) -> Path:
        for split in ("train2017", "val2017"):
            for kind in ("images", "labels"):
                (tmp_path / "coco" / kind / split).mkdir(parents=True)
            cv2.imwrite(str(tmp_path / "coco" / "images" / split / "a.jpg"), np.zeros((20, 40, 3), np.uint8))
        if labels is not None:
            (tmp_path / "coco" / "labels" / "val2017" / "a.txt").write_text(labels)
        return tmp_path

    return write


@pytest.mark.parametrize(("labels", "boxes"), [("7 0.5 0.5 0.25 0.5\n", [[7, 15, 5, 10, 10]]), ("", []), (None, [])])
def test_evaluation_gives_boxes_in_pixels_when_path_is_relative(
    write_data: Callable[..., Path], labels: str | None, boxes: list[list[float]]
) -> None:
    (sample,) = make_task(Path("coco"), write_data(labels)).evaluation()
    assert (sample.key, sample.truth) == ("a.jpg", {"width": 40, "height": 20, "boxes": boxes})
    assert sample.decode().shape == (20, 40, 3)


def test_evaluation_names_the_file_when_labels_are_malformed(write_data: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"labels: cannot read .*a\.txt; write"):
        make_task(Path("coco"), write_data("7 0.5 0.5")).evaluation()


def test_calibration_names_the_folder_when_it_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"task\.options\.data: no folder .*train2017"):
        make_task(Path("nowhere"), tmp_path).calibration()


def test_calibration_names_the_folder_when_it_is_empty(tmp_path: Path) -> None:
    (tmp_path / "images" / "train2017").mkdir(parents=True)
    with pytest.raises(InputError, match=r"no \*\.jpg in .*train2017"):
        make_task(tmp_path).calibration()


def test_decode_names_the_file_when_it_is_no_image(write_data: Callable[..., Path]) -> None:
    folder = write_data(None)
    (folder / "coco" / "images" / "train2017" / "a.jpg").write_text("no image")
    (sample,) = make_task(folder / "coco").calibration()
    with pytest.raises(InputError, match=r"cannot decode .*a\.jpg"):
        sample.decode()


@needs_data
def test_datasets_are_disjoint_and_limited_when_options_say_so() -> None:
    task = make_task(DATA / "coco", calibration_images=5, evaluation_images=7)
    calibration, evaluation = task.calibration(), task.evaluation()
    assert (len(calibration), len(evaluation)) == (5, 7)
    assert not {s.digest for s in calibration} & {s.digest for s in evaluation}


@needs_data
def test_metric_reaches_known_map_when_model_is_fp32() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    model = DATA / "models" / "nanodet_m.onnx"
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    task = make_task(DATA / "coco")
    samples = task.evaluation()
    predictions = []
    for sample in samples:
        inputs, meta = task.preprocess(sample.decode())
        predictions.append(task.postprocess(dict(zip(names, session.run(None, inputs), strict=True)), meta))
    figures = task.metric(predictions, [sample.truth for sample in samples])
    assert len(samples) == 64
    assert figures["mAP"] == pytest.approx(28.94, abs=0.3)
    assert figures["mAP50"] == pytest.approx(44.66, abs=0.3)


@needs_data
def test_search_has_the_labelled_training_images_after_the_calibration_ones_when_labels_are_there() -> None:
    task = make_task(DATA / "coco", calibration_images=60, search_images=3)
    calibration, search = task.calibration(), task.search()
    assert len(search) == 3
    assert not {s.digest for s in calibration} & {s.digest for s in search}
    assert [sample.key for sample in search] == sorted(sample.key for sample in search)
    assert all(sample.truth["width"] > 0 for sample in search)


def test_search_is_empty_when_the_training_images_have_no_labels(tmp_path: Path) -> None:
    assert make_task(tmp_path).search() == []

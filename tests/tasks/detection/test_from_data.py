"""Detection data in its three formats, and what is said when it is broken."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as run_lengths

from workbench.errors import InputError
from workbench.experiment import TaskSource
from workbench.tasks.loader import check_task_job, load_task, task_spec

COCO = {"format": "coco", "annotations": "boxes.json", "images": "images/val"}
VOC = {"format": "voc", "annotations": "VOC/ImageSets/Main/val.txt"}
YOLO = {"format": "yolo", "images": "images/val"}
XML = """<annotation><size><width>40</width><height>30</height><depth>3</depth></size>
<object><name>dog</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>10</xmax><ymax>20</ymax></bndbox></object>
<object><name>cat</name><bndbox><xmin>5</xmin><ymin>6</ymin><xmax>40</xmax><ymax>30</ymax></bndbox></object></annotation>"""


@pytest.fixture
def data(tmp_path):
    """Four training and six other images of 40 x 30 pixels, with annotations in every format."""
    random = np.random.default_rng(0)
    for part, count in (("train", 4), ("val", 6)):
        for folder in ("images", "labels"):
            (tmp_path / folder / part).mkdir(parents=True)
        for number in range(count):
            image = random.integers(0, 256, (30, 40, 3), np.uint8)
            assert cv2.imwrite(str(tmp_path / "images" / part / f"{number}.png"), image)
            (tmp_path / "labels" / part / f"{number}.txt").write_text("2 0.5 0.5 0.25 0.2\n0 0.1 0.1 0.2 0.2\n")
    (tmp_path / "labels" / "val" / "5.txt").unlink()
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (tmp_path / "VOC" / folder).mkdir(parents=True)
    for number in range(3):
        (tmp_path / "VOC" / "Annotations" / f"a{number}.xml").write_text(XML)
        image = random.integers(0, 256, (30, 40, 3), np.uint8)
        assert cv2.imwrite(str(tmp_path / "VOC" / "JPEGImages" / f"a{number}.jpg"), image)
    (tmp_path / "VOC" / "ImageSets" / "Main" / "val.txt").write_text("a0 1\na2 -1\n")
    write_coco(tmp_path)
    return tmp_path


def write_coco(folder, **changes):
    outline = [[5, 5, 20, 5, 20, 15, 5, 15]]
    content = {
        "images": [{"id": 9 - n, "file_name": f"{n}.png", "width": 40, "height": 30} for n in range(6)],
        "categories": [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 13, "name": "stop sign"}],
        "annotations": [
            {"id": 1, "image_id": 9, "category_id": 13, "bbox": [5, 5, 15, 10], "iscrowd": 0, "segmentation": outline},
            {"id": 2, "image_id": 9, "category_id": 90, "bbox": [0, 0, 4, 3], "iscrowd": 1,
             "segmentation": {"size": [30, 40], "counts": [0, 3, 27, 3, 1167]}},
            {"id": 3, "image_id": 8, "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": 0, "segmentation": outline},
        ],
    }  # fmt: skip
    (folder / "boxes.json").write_text(json.dumps(content | changes))


def spec(folder, evaluation, **options):
    options = {"decoder": "yolov5", "evaluation": evaluation} | options
    return task_spec(TaskSource(name="detection", options=options), folder)


def truths(folder, evaluation, **options):
    """By image."""
    training = {"training": {"format": "yolo", "images": "images/train"}}
    return {s.key: s.truth for s in load_task(spec(folder, evaluation, **training | options)).evaluation()}


def test_coco_numbers_classes_by_category_id_when_there_are_no_labels(data):
    found = truths(data, COCO)
    assert len(found) == 6
    assert found["0.png"] == {"width": 40, "height": 30, "boxes": [[1, 5, 5, 20, 15], [2, 0, 0, 4, 3]], "crowd": [0, 1]}
    assert found["1.png"]["boxes"] == [[0, 1, 2, 4, 6]]
    assert found["5.png"]["boxes"] == []


def test_coco_numbers_classes_by_name_when_labels_are_given(data):
    (data / "names.txt").write_text("toothbrush\nbench\nperson\nstop sign\n")
    assert [box[0] for box in truths(data, COCO, labels="names.txt")["0.png"]["boxes"]] == [3, 0]


def test_coco_has_masks_when_they_are_wanted(data):
    masks = truths(data, COCO, masks=True, decoder="nms_inside")["0.png"]["masks"]
    json.dumps(masks)
    drawn = run_lengths.decode([mask | {"counts": mask["counts"].encode()} for mask in masks])
    assert drawn[..., 0].sum() == pytest.approx(150, rel=0.1)
    assert np.argwhere(drawn[..., 1]).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]


def test_voc_counts_pixels_from_0_and_keeps_what_is_difficult_when_read(data):
    found = truths(data, VOC)
    assert set(found) == {"a0.jpg", "a2.jpg"}
    assert found["a0.jpg"] == {
        "width": 40, "height": 30, "boxes": [[11, 0, 1, 10, 20], [7, 4, 5, 40, 30]], "difficult": [1, 0],
    }  # fmt: skip
    assert len(truths(data, VOC | {"annotations": "VOC"})) == 3


def test_voc_numbers_classes_by_name_when_labels_are_given(data):
    (data / "names.txt").write_text("cat\ndog\n")
    assert [box[0] for box in truths(data, VOC, labels="names.txt")["a2.jpg"]["boxes"]] == [1, 0]


def test_yolo_scales_boxes_to_pixels_when_read(data):
    found = truths(data, YOLO)
    np.testing.assert_allclose(found["0.png"]["boxes"], [[2, 15, 12, 25, 18], [0, 0, 0, 8, 6]], atol=1e-9)
    assert found["5.png"] == {"width": 40, "height": 30, "boxes": []}


def test_yolo_takes_the_images_of_a_list_when_it_is_a_file(data):
    (data / "list.txt").write_text("images/val/1.png\n./images/val/5.png\n")
    found = truths(data, {"format": "yolo", "images": "list.txt"})
    assert {key: len(truth["boxes"]) for key, truth in found.items()} == {"1.png": 2, "5.png": 0}


def test_yolo_takes_labels_from_another_folder_when_it_is_named(data):
    (data / "others").mkdir()
    (data / "others" / "3.txt").write_text("7 0.5 0.5 1 1\n")
    found = truths(data, YOLO | {"annotations": "others"})
    assert found["3.png"]["boxes"] == [[7, 0, 0, 40, 30]]
    assert found["0.png"]["boxes"] == []


def test_yolo_turns_the_image_when_it_lies_on_its_side(data):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(data / "images" / "val" / "7.jpg", exif=exif)
    (data / "labels" / "val" / "7.txt").write_text("0 0.5 0.5 1 1\n")
    task = load_task(spec(data, YOLO, calibration_images=1, evaluation_images=7))
    sample = next(s for s in [*task.calibration(), *task.evaluation()] if s.key == "7.jpg")
    assert sample.decode().shape == (40, 30, 3)
    assert sample.truth == {"width": 30, "height": 40, "boxes": [[0, 0, 0, 30, 40]]}


def test_sets_are_disjoint_when_there_is_training_data(data):
    options = {"training": {"format": "yolo", "images": "images/train"}, "calibration_images": 2, "search_images": 1}
    found = check_task_job(None, task=spec(data, COCO, **options))
    assert [found[name] for name in ("calibration", "search", "training", "evaluation")] == [2, 1, 3, 6]
    assert (found["metric"], found["nms"]) == ("mAP", "outside")


def test_sets_are_disjoint_when_all_come_from_the_evaluation_data(data):
    found = check_task_job(None, task=spec(data, COCO, calibration_images=2))
    assert [found[name] for name in ("calibration", "search", "training", "evaluation")] == [2, 0, 2, 4]
    assert check_task_job(None, task=spec(data, YOLO, calibration_images=2, evaluation_images=3))["evaluation"] == 3


def test_sets_are_refused_when_training_and_evaluation_share_images(data):
    with pytest.raises(InputError, match="samples are in both"):
        check_task_job(None, task=spec(data, COCO, training=YOLO))


def test_primary_metric_is_vocs_when_the_recipe_says_so(data):
    options = {"average_precision": "voc", "calibration_images": 1}
    assert check_task_job(None, task=spec(data, VOC, **options))["metric"] == "AP50_area"


def damage(name, text):
    return lambda folder: (folder / name).write_text(text)


def remove(name):
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("evaluation", "harm", "said"),
    [
        (COCO, remove("boxes.json"), r"annotations .*boxes\.json: no such file"),
        (COCO, damage("boxes.json", "{"), r"boxes\.json: not valid JSON"),
        (COCO, damage("boxes.json", "[]"), r"boxes\.json: not in COCO's format \(a list\)"),
        (COCO, damage("boxes.json", '{"images": []}'), r"not in COCO's format \(no 'categories'\)"),
        (COCO, lambda folder: write_coco(folder, annotations=[{"image_id": 9, "category_id": 4, "bbox": [1, 2, 3, 4]}]),
         r"not in COCO's format \(no 4\)"),
        (COCO, lambda folder: write_coco(folder, annotations=[{"image_id": 9, "category_id": 1, "bbox": [1, 2, 3]}]),
         r"not in COCO's format \(not enough values"),
        (COCO, lambda folder: write_coco(folder, annotations=[{"image_id": 9, "category_id": 1, "bbox": [1, 2, 3, float("nan")]}]),
         r"a box of image 0\.png is not finite"),
        (COCO, remove("images/val/3.png"), r"boxes\.json: image .*3\.png: no such file"),
        (VOC, remove("VOC/ImageSets/Main/val.txt"), r"annotations .*val\.txt: no such file"),
        (VOC, damage("VOC/ImageSets/Main/val.txt", "\n"), r"val\.txt: an empty list"),
        (VOC, damage("VOC/ImageSets/Main/val.txt", "a9\n"), r"annotations .*a9\.xml: no such file"),
        (VOC, damage("VOC/Annotations/a0.xml", "<annotation>"), r"a0\.xml: not in Pascal VOC's format"),
        (VOC, damage("VOC/Annotations/a0.xml", "<annotation/>"), r"a0\.xml: not in Pascal VOC's format \(no size/width"),
        (VOC, damage("VOC/Annotations/a0.xml", XML.replace("dog", "hedgehog")), r"a0\.xml: class 'hedgehog' is not known; name"),
        (VOC, remove("VOC/JPEGImages/a0.jpg"), r"a0\.xml: no image a0\{\.jpg"),
        ({"format": "voc", "annotations": "images"}, lambda folder: None, r"images: no Annotations/\*\.xml in it"),
        ({"format": "voc", "annotations": "boxes.json"}, lambda folder: None, r"no Annotations folder for it"),
        (YOLO, damage("labels/val/1.txt", "0 0.5 0.5\n"), r"labels .*1\.txt: a line is not 'class x y width height'"),
        (YOLO, damage("labels/val/1.txt", "0 0.5 0.5 nan 1\n"), r"1\.txt: a line is not"),
        (YOLO, damage("labels/val/1.txt", "0.5 0.5 0.5 1 1\n"), r"1\.txt: a line is not"),
        (YOLO, damage("labels/val/1.txt", "0 20 30 9 9\n"), r"1\.txt: a line is not"),
        (YOLO, damage("images/val/1.png", "no image"), r"image .*1\.png: cannot be read"),
        (YOLO | {"images": "labels/val"}, lambda folder: None, r"images .*val: no image in it"),
        (YOLO | {"images": "nowhere"}, lambda folder: None, r"images .*nowhere: no such file"),
        (YOLO | {"images": "list.txt"}, damage("list.txt", ""), r"list\.txt: an empty list"),
        (YOLO | {"images": "list.txt"}, damage("list.txt", "images/val/9.png"), r"list\.txt: image .*9\.png: no such file"),
        (YOLO | {"images": "VOC/JPEGImages"}, lambda folder: None, r"no folder 'images' above it"),
    ],
)  # fmt: skip
def test_data_is_refused_in_one_line_when_it_is_missing_or_broken(data, evaluation, harm, said):
    harm(data)
    with pytest.raises(InputError, match=said) as caught:
        load_task(spec(data, evaluation, calibration_images=1)).evaluation()
    assert "\n" not in str(caught.value)


def test_labels_folder_is_named_when_there_is_none(data):
    (data / "labels").rename(data / "texts")
    with pytest.raises(InputError, match=r"no folder .*labels/val for its labels"):
        load_task(spec(data, YOLO)).evaluation()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"evaluation": {"format": "coco", "annotations": "boxes.json"}}, "format coco needs `images`"),
        ({"evaluation": {"format": "voc", "images": "images"}}, "format voc needs `annotations`"),
        ({"evaluation": {"format": "yolo"}}, "format yolo needs `images`"),
        ({"masks": True}, "decoder yolov5 gives no masks"),
        ({"masks": True, "decoder": "nms_inside", "evaluation": YOLO}, "format yolo has no masks"),
        ({"decoder": "yolov9"}, "`decoder` = 'yolov9'"),
        ({"preparation": {"size": 640}}, "takes no `size`"),
        ({"threshold": 0.3}, "unknown key `threshold`"),
    ],
)
def test_options_are_refused_when_they_do_not_fit(data, options, said):
    with pytest.raises(InputError, match=said):
        load_task(spec(data, **{"evaluation": COCO} | options))


@pytest.mark.parametrize(("text", "said"), [(None, "no such file"), ("\n\n", "no class name in"), ("person\n", "category 'toothbrush' is not in")])  # fmt: skip
def test_labels_are_refused_when_they_do_not_fit(data, text, said):
    if text is not None:
        (data / "names.txt").write_text(text)
    with pytest.raises(InputError, match=said):
        load_task(spec(data, COCO, labels="names.txt")).evaluation()


def test_paths_are_taken_from_the_recipes_folder_when_relative(data, monkeypatch):
    monkeypatch.chdir("/")
    assert len(truths(data, COCO)) == 6
    assert (
        len(truths(Path("/"), {**COCO, "annotations": str(data / "boxes.json"), "images": str(data / "images/val")}))
        == 6
    )

"""The zoo's entries are whole, and say no more than their sources."""

from urllib.parse import urlsplit

import pytest
import yaml

from workbench.errors import InputError
from workbench.models import zoo
from workbench.models.architectures.registry import ARCHITECTURES
from workbench.models.zoo import Entry, Family, float_archive, int8_archive, read_zoo, zoo_entry
from workbench.report.published import published
from workbench.tasks.preparation import Resize

ENTRIES = read_zoo().models
ISSUED = {
    "YOLOv5s", "YOLOv6s", "YOLOv7", "ResNet50_vd", "MobileNetV1_ssld", "MobileNetV1", "MobileNetV2", "ResNet50", "ResNet101", "VGG16",
    "VGG19", "PP-YOLOE-l", "PP-LiteSeg-T (STDC1), Cityscapes", "ERNIE, XNLI", "YOLOv3-MobileNetV1", "YOLOv3-MobileNetV3",
    "YOLOv3-DarkNet53", "PP-YOLO-MobileNetV3-large", "PP-YOLO-R50vd", "PP-YOLOv2-R50vd", "SSD-MobileNetV1, VOC", "Mask-RCNN-R50-FPN",
}  # fmt: skip


def test_zoo_has_every_model_of_the_published_tables_when_read():
    assert {entry.title for entry in ENTRIES.values()} == ISSUED


@pytest.mark.parametrize("name", ENTRIES)
def test_entry_has_archives_and_a_place_in_the_tables_when_read(name):
    entry = ENTRIES[name]
    hosts = {urlsplit(archive.url).hostname for archive in entry.archives}
    assert all(host.endswith((".bcebos.com", "bj.bcebos.com")) for host in hosts)
    assert entry.published_as


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.preparation])
def test_entry_preparation_gives_the_inputs_shape_when_the_size_is_fixed(name):
    entry = ENTRIES[name]
    (image,) = [found for found in entry.inputs if len(found.shape) == 4]
    preparation = entry.preparation
    assert image.shape[1] == 3
    fixed = preparation.resize not in (Resize.NONE, Resize.FIT)
    assert image.shape[2:] == (preparation.size if fixed else (-1, -1))


def test_entry_is_in_the_published_tables_when_it_names_itself_there():
    known = {row.model for table in published().tables for row in table.rows}
    named = [name for entry in ENTRIES.values() for name in entry.published_as]
    assert set(named) == known
    assert len(named) == len(set(named))


def test_entry_tasks_are_covered_when_counted():
    assert {entry.task for entry in ENTRIES.values()} == set(Family)


def test_zoo_entry_names_the_models_when_the_name_is_wrong():
    with pytest.raises(InputError, match="zoo model 'yolov9': not known; models are: yolov5s, yolov6s"):
        zoo_entry("yolov9")


def test_archive_is_the_first_when_none_is_asked_for():
    assert float_archive("yolov5s").file_name == "yolov5s_infer.tar"
    assert float_archive("yolov5s", "yolov5s.onnx").file_name == "yolov5s.onnx"
    assert int8_archive("yolov5s").strategy == "QAT"
    assert int8_archive("yolov5s", "yolov5s_ptq_model.tar.gz").strategy == "PTQ"
    with pytest.raises(InputError, match=r"no archive 'x\.tar' here; archives are: yolov5s_quant\.tar"):
        int8_archive("yolov5s", "x.tar")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"licence": None}, "licence"),
        ({"licences": "x"}, "unknown key"),
        ({"task": "sound"}, "task"),
        ({"fp32": []}, "fp32"),
        ({"fp32": [{"url": "ftp://a/b.tar", "source": "s"}]}, "url"),
        ({"fp32": [{"url": "https://a/b.pdparams", "source": "s"}]}, "must end in the name of an archive"),
        ({"fp32": [{"url": "https://a/.tar", "source": "s"}]}, "must end in the name of an archive"),
        ({"fp32": [{"url": "https://a/b.tar", "source": "unknown"}]}, "source 'unknown' is not in `sources`"),
        ({"fp32": [{"url": "https://a/b.tar", "source": "s"}, {"url": "https://b/b.tar", "source": "s"}]}, "two archives are called b.tar"),
        ({"preparation": {"resize": "stretch"}}, "preparation"),
    ],
    ids=str,
)  # fmt: skip
def test_zoo_is_refused_when_an_entry_is_wrong(tmp_path, monkeypatch, change, said):
    entry = {
        "title": "T", "task": "detection", "metric": "mAP", "licence": "MIT",
        "fp32": [{"url": "https://a/f.tar", "source": "s"}], "int8": [{"url": "https://a/i.tar", "source": "s", "strategy": "QAT"}],
    }  # fmt: skip
    monkeypatch.setattr(zoo, "ZOO_FILE", tmp_path / "zoo.yaml")
    data = {"schema_version": 1, "sources": {"s": "a page"}, "models": {"m": entry | change}}
    (tmp_path / "zoo.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(InputError) as refused:
        read_zoo()
    assert said in str(refused.value)
    assert Entry.model_validate(entry)


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.architecture])
def test_entry_architecture_is_known_when_it_names_one(name):
    assert ENTRIES[name].architecture in ARCHITECTURES

"""The sample models: finding and verifying the weights, and the Paddle model built from them."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.models import sample
from workbench.tasks.digits_sentences import vocabulary
from workbench.tasks.digits_text import VOCABULARY

REPOSITORY = Path(sample.__file__).resolve().parents[2]

BUILD = """
import sys
from pathlib import Path
import paddle
from workbench.models.sample import build_sample

paddle.enable_static()
build_sample("digits_mobilenet_v1", Path(sys.argv[1]))
assert not paddle.in_dynamic_mode()
"""

PREDICT = """
import sys
from pathlib import Path
import numpy as np
from paddle import inference
from workbench.tasks.digits import DigitsClassification, DigitsOptions

task = DigitsClassification(DigitsOptions(evaluation_images=60), Path())
samples = task.evaluation()
images = np.concatenate([task.preprocess(sample.decode())[0]["image"] for sample in samples])
config = inference.Config(*(f"{sys.argv[1]}/model.{kind}" for kind in ("pdmodel", "pdiparams")))
config.set_cpu_math_library_num_threads(1)
config.disable_glog_info()
predictor = inference.create_predictor(config)
entry = predictor.get_input_handle("image")
assert predictor.get_input_names() == ["image"]
rows = []
for part in (images[:1], images[1:20], images[20:]):
    entry.copy_from_cpu(part)
    predictor.run()
    (name,) = predictor.get_output_names()
    rows.append(predictor.get_output_handle(name).copy_to_cpu())
np.save(sys.argv[2], np.concatenate(rows))
"""


def run_python(code: str, *arguments: Path) -> None:
    """Run `code` in its own interpreter, so that pytest's stays free of paddle."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "FLAGS_enable_pir_api": "0", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    subprocess.run(command, check=True, env=environment, timeout=100)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    run_python(BUILD, folder)
    return folder


def test_build_writes_legacy_files_when_paddle_is_in_static_mode(built):
    assert {"model.pdmodel", "model.pdiparams"} <= {path.name for path in built.iterdir()}
    assert 12e6 < (built / "model.pdiparams").stat().st_size < 14e6


def test_built_model_classifies_digits_when_fed_batches_of_any_size(built, tmp_path):
    from workbench.tasks.digits import DigitsClassification, DigitsOptions

    run_python(PREDICT, built, tmp_path / "scores.npy")
    scores = np.load(tmp_path / "scores.npy")
    assert scores.shape == (60, 10)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-5)
    task = DigitsClassification(DigitsOptions(evaluation_images=60), Path())
    predictions = [task.postprocess({"out": row[np.newaxis]}, None) for row in scores]
    assert task.metric(predictions, [s.truth for s in task.evaluation()])["top1"] >= 97


def test_shipped_weights_are_small_and_finite_when_read_without_pickle():
    path = sample.data_folder() / "digits_mobilenet_v1.npz"
    assert path.stat().st_size < 8e6
    with np.load(path, allow_pickle=False) as arrays:
        values = [arrays[name] for name in arrays.files]
    assert {value.dtype for value in values} == {np.dtype(np.float16)}
    assert all(np.isfinite(value).all() for value in values)
    assert 3.1e6 < sum(value.size for value in values) < 3.4e6


def test_every_sample_has_verified_weights_when_run_from_a_checkout():
    for name, entry in sample.SAMPLES.items():
        assert entry.name == name
        sample.verify_checksum(sample.data_folder() / entry.weights_file)


@pytest.mark.parametrize("name", ["digits_detection", "digits_segmentation", "digits_text"])
def test_small_samples_are_shipped_in_float16_when_read_without_pickle(name):
    path = sample.data_folder() / f"{name}.npz"
    assert path.stat().st_size < 3e6
    with np.load(path, allow_pickle=False) as arrays:
        values = [arrays[stored] for stored in arrays.files]
    assert {value.dtype for value in values} == {np.dtype(np.float16)}
    assert all(np.isfinite(value).all() for value in values)


def test_vocabulary_is_the_one_that_the_sentences_need_when_shipped():
    path = sample.data_folder() / VOCABULARY
    assert path.read_text().splitlines() == vocabulary()
    sample.verify_checksum(path)


def test_verify_checksum_refuses_when_the_content_differs(tmp_path):
    weights = tmp_path / "weights.npz"
    weights.write_bytes(b"right")
    (tmp_path / sample.CHECKSUMS).write_text(f"{hashlib.sha256(b'right').hexdigest()}  weights.npz\n")
    sample.verify_checksum(weights)
    weights.write_bytes(b"wrong")
    with pytest.raises(InputError, match=r"weights\.npz: sha256 .*git checkout"):
        sample.verify_checksum(weights)


def test_verify_checksum_refuses_when_the_file_is_not_listed(tmp_path):
    (tmp_path / "weights.npz").write_bytes(b"right")
    (tmp_path / sample.CHECKSUMS).write_text("")
    with pytest.raises(InputError, match="states None"):
        sample.verify_checksum(tmp_path / "weights.npz")


def test_verify_checksum_names_the_missing_file_when_there_is_none(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*checksums\.sha256"):
        sample.verify_checksum(tmp_path / "weights.npz")


def test_data_folder_tells_the_fix_when_the_package_is_not_in_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "__file__", str(tmp_path / "lib" / "workbench" / "models" / "sample.py"))
    with pytest.raises(InputError, match=r"run from a checkout.*--editable"):
        sample.data_folder()


def test_build_sample_lists_the_choices_when_the_name_is_unknown(tmp_path):
    with pytest.raises(InputError, match=r"no sample model 'resnet': choose from .*digits_mobilenet_v1"):
        sample.build_sample("resnet", tmp_path)


def test_import_stays_light_when_no_model_is_built():
    run_python("import sys, workbench.models.sample; sys.exit('paddle' in sys.modules)")

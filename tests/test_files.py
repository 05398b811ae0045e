"""Writing in one step, and hashing."""

import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from workbench.files import content_hash, file_digest, write_bytes, write_json, write_text

LITTLE_SPACE = """
import resource, sys
from pathlib import Path
from workbench.files import write_text
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_text(Path(sys.argv[1]), "new" * 1000)
except OSError as error:
    sys.exit(0 if error.errno else "no error number")
sys.exit("written")
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_write_text_makes_folders_when_they_are_missing(tmp_path):
    path = tmp_path / "a" / "b" / "text.txt"
    write_text(path, "größer\r\n")
    assert path.read_bytes() == "größer\r\n".encode()
    assert names(path.parent) == ["text.txt"]


def test_write_text_keeps_the_old_content_when_the_disk_is_full(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("old")
    subprocess.run([sys.executable, "-c", LITTLE_SPACE, str(path)], check=True)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["text.txt"]


def test_write_bytes_leaves_nothing_when_the_target_is_a_folder(tmp_path):
    (tmp_path / "target").mkdir()
    with pytest.raises(OSError, match="target"):
        write_bytes(tmp_path / "target", b"x")
    assert names(tmp_path) == ["target"]


def test_write_text_shows_whole_content_when_read_meanwhile(tmp_path):
    path, size = tmp_path / "text.txt", 200_000
    write_text(path, "a" * size)

    def write() -> None:
        for letter in "bcdefghij":
            write_text(path, letter * size)

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while writer.is_alive():
        seen.append(path.read_text())
    writer.join()
    assert all(len(text) == size and len(set(text)) == 1 for text in seen)
    assert path.read_text() == "j" * size


@pytest.mark.parametrize("value", [float("nan"), {"a": [float("inf")]}, {"a": -float("inf")}])
def test_write_json_keeps_the_old_content_when_a_number_is_not_finite(tmp_path, value):
    path = tmp_path / "value.json"
    write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, value)
    assert json.loads(path.read_text()) == {"old": 1}
    assert names(tmp_path) == ["value.json"]


def test_write_json_round_trips_when_read(tmp_path):
    value = {"name": "größe", "rows": [1, 2.5, None, True]}
    write_json(tmp_path / "value.json", value)
    text = (tmp_path / "value.json").read_text(encoding="utf-8")
    assert json.loads(text) == value
    assert "größe" in text
    assert text.endswith("}\n")


def test_file_digest_is_sha256_when_the_file_is_large(tmp_path):
    data = bytes(range(256)) * 5000
    (tmp_path / "data").write_bytes(data)
    assert file_digest(tmp_path / "data") == hashlib.sha256(data).hexdigest()


def test_content_hash_is_equal_when_only_the_order_of_keys_differs():
    assert content_hash({"a": 1, "b": [{"c": 2, "d": 3}]}) == content_hash({"b": [{"d": 3, "c": 2}], "a": 1})


def test_content_hash_is_the_same_in_every_process_when_given_the_same_value():
    # A changed value makes every result of earlier runs unusable: change it knowingly.
    assert content_hash({"path": Path("/a/b"), "n": 1}) == "a748fbc6f3a77ba0"


@pytest.mark.parametrize(
    ("a", "b"), [([1, 2], [2, 1]), ({"a": 1}, {"a": "1"}), ([None], []), ({"a": 1}, {"a": 1.5}), ("", None)]
)
def test_content_hash_differs_when_the_content_does(a, b):
    assert content_hash(a) != content_hash(b)


def test_content_hash_refuses_when_a_number_is_not_finite():
    with pytest.raises(ValueError, match="not JSON compliant"):
        content_hash({"a": float("nan")})

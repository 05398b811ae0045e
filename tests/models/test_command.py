"""`workbench models` as a user meets it."""

import io
import tarfile

import pytest
import yaml

from workbench import cli
from workbench.models import zoo
from workbench.models.zoo_cache import CachedArchive


def tar(**files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as made:
        for name, content in files.items():
            info = tarfile.TarInfo(f"net/{name.replace('_', '.')}")
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def models(http_server, tmp_path, monkeypatch, capsys, command):
    """Run `workbench models ...` on a zoo of one model; gives exit code, what it printed and what it complained of."""
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    address = http_server.serve("/tiny_infer.tgz", tar(model_pdmodel=b"p", model_pdiparams=b"w"))
    quantized = http_server.serve("/tiny_quant.tar", tar(model_pdmodel=b"q", model_pdiparams=b"w"))
    entry = {
        "title": "Tiny", "task": "classification", "metric": "top1", "licence": "none", "architecture": "tiny_net",
        "fp32": [{"url": address, "source": "test"}], "int8": [{"url": quantized, "source": "test", "strategy": "PTQ"}],
        "published_as": ["YOLOv5s"],
    }  # fmt: skip
    monkeypatch.setattr(zoo, "ZOO_FILE", tmp_path / "zoo.yaml")
    data = {"schema_version": 1, "sources": {"test": "a page on tiny networks"}, "models": {"tiny": entry}}
    (tmp_path / "zoo.yaml").write_text(yaml.safe_dump(data))

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["workbench", "models", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err.strip()

    run.server = http_server
    return run


def test_list_shows_the_model_and_what_is_here_when_asked(models):
    code, before, _ = models("list")
    assert code == 0
    assert all(word in before for word in ("tiny", "classification", "PTQ", "yes"))
    assert "ready" not in before
    models("fetch", "tiny", "--part", "fp32")
    assert "ready" in models("list")[1]


def test_show_tells_addresses_places_and_figures_when_asked(models, tmp_path):
    code, said, _ = models("show", "tiny")
    assert code == 0
    for word in (
        f"{models.server.address}/tiny_quant.tar", str(tmp_path / "cache" / "models" / "tiny" / "tiny_quant.tar"), "FP32 7.87 ms, INT8 4.51 ms",
        "mAP 37.6 -> 36.7 (QAT)", "Tesla T4", "a page on tiny networks", "INT8, PTQ: tiny_quant.tar (no)",
    ):  # fmt: skip
        assert word in said


@pytest.mark.parametrize(
    ("options", "fetched"),
    [((), ["tiny_infer.tgz", "tiny_quant.tar"]), (("--part", "int8"), ["tiny_quant.tar"]), (("--archive", "tiny_infer.tgz"), ["tiny_infer.tgz"])],
)  # fmt: skip
def test_fetch_gets_the_archives_when_they_are_asked_for(models, options, fetched):
    code, said, _ = models("fetch", "tiny", *options)
    assert code == 0
    assert [path.strip("/") for path, _ in models.server.asked] == fetched
    assert [line.partition(":")[0] for line in said.splitlines()] == fetched


def test_verify_is_good_until_a_file_changes_when_asked(models):
    models("fetch", "tiny", "--part", "fp32")
    assert models("verify")[0] == models("verify", "tiny")[0] == 0
    CachedArchive("tiny", zoo.float_archive("tiny")).file.write_bytes(b"changed")
    code, said, _ = models("verify")
    assert code == 1
    assert "has sha256" in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("show", "huge"), "zoo model 'huge': not known; models are: tiny"),
        (("fetch", "huge"), "zoo model 'huge': not known; models are: tiny"),
        (("fetch", "tiny", "--archive", "x.tar"), "it has no archive 'x.tar'; archives are: tiny_infer.tgz, tiny_quant.tar"),
        (("verify", "tiny"), "nothing of it is here; get it with `workbench models fetch tiny`"),
        (("fetch",), "see workbench --help"),
    ],
)  # fmt: skip
def test_exit_code_is_2_with_one_line_when_the_input_is_bad(models, arguments, complaint):
    code, _, error = models(*arguments)
    assert code == 2
    assert complaint in error
    assert len(error.splitlines()) == 1


def test_exit_code_is_2_when_there_is_no_network(models):
    models.server.pages.clear()
    code, _, error = models("fetch", "tiny")
    assert code == 2
    assert "put it at" in error


@pytest.mark.parametrize("name", zoo.read_zoo().models)
def test_show_prints_every_entry_when_it_is_the_packages_own(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["workbench", "models", "show", name])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert zoo.zoo_entry(name).fp32[0].url in capsys.readouterr().out

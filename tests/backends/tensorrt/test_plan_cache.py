"""Plans on disk: taken when they are right, made again when they are not."""

import json
from dataclasses import replace

import pytest

from workbench.backends.tensorrt.build import Built
from workbench.backends.tensorrt.plan_cache import PlanCache, PlanKey
from workbench.errors import DeviceError

T4 = {"name": "Tesla T4", "compute_cap": "7.5", "driver_version": "550"}
KEY = PlanKey("model", "10.13.3.9", T4, {"image": ((1, 3), (1, 3), (1, 3))}, {"level": 3})
BUILT = Built(b"a plan", ("image",), ("scores",), b"timings", 12.5)


class Works:
    """Stands for TensorRT: which plans it loads, how often it was asked to build, and the timing caches it was given."""

    def __init__(self, *plans: bytes) -> None:
        self.plans = plans
        self.builds: list[bytes] = []

    def engine(self, cache: PlanCache, key: PlanKey = KEY):
        def build(timing_cache: bytes) -> Built:
            self.builds.append(timing_cache)
            return replace(BUILT, plan=self.plans[-1])

        load = lambda data: f"engine of {data.decode()}" if data in self.plans else None  # noqa: E731
        return cache.engine(key, build=build, load=load, complaint=lambda: "expecting compute 8.9 got 7.5")


@pytest.fixture
def cache(tmp_path):
    return PlanCache(tmp_path / "plans")


def test_plan_is_built_once_when_it_is_asked_for_twice(cache):
    works = Works(b"a plan")
    first, second = works.engine(cache), works.engine(cache)
    assert works.builds == [b""]
    assert first[0] == second[0] == "engine of a plan"
    assert (first[1].fresh, second[1].fresh) == (True, False)
    assert second[1] == replace(first[1], fresh=False)
    assert second[1].build_s == 12.5


def test_plan_is_built_again_when_the_kept_one_is_of_another_gpu_or_version(cache):
    cache.keep(KEY, replace(BUILT, plan=b"a foreign plan"))
    works = Works(b"a plan")
    engine, plan = works.engine(cache)
    assert (engine, plan.fresh) == ("engine of a plan", True)
    assert works.builds == [b"timings"], "the timing cache of the GPU serves the new build"
    assert cache.load(KEY).data == b"a plan"


@pytest.mark.parametrize("broken", ["a plan cut off", "", None])
def test_plan_is_built_again_when_its_file_was_changed(cache, tmp_path, broken):
    works = Works(b"a plan")
    works.engine(cache)
    (file,) = (tmp_path / "plans").glob("*.plan")
    file.unlink() if broken is None else file.write_text(broken)
    works.engine(cache)
    assert len(works.builds) == 2


def test_plan_is_built_again_when_what_is_said_of_it_cannot_be_read(cache, tmp_path):
    works = Works(b"a plan")
    works.engine(cache)
    (file,) = (tmp_path / "plans").glob("*.json")
    file.write_text(json.dumps({"sha256": "x"}))
    works.engine(cache)
    assert len(works.builds) == 2


def test_fault_is_one_line_when_the_new_plan_is_refused_too(cache):
    works = Works(b"never loaded")
    works.plans = ()
    with pytest.raises(DeviceError, match=r"that it has just built: expecting compute 8\.9 got 7\.5$"):
        cache.engine(
            KEY, build=lambda kept: BUILT, load=lambda data: None, complaint=lambda: "expecting compute 8.9 got 7.5"
        )


@pytest.mark.parametrize("kept", [b"a plan", None])
def test_fault_is_about_memory_when_that_is_why_a_plan_is_refused(cache, kept):
    """Building anew would take minutes and end in the same: the kept plan stays."""
    if kept:
        cache.keep(KEY, BUILT)
    builds = []

    def build(timing_cache: bytes) -> Built:
        builds.append(timing_cache)
        return BUILT

    with pytest.raises(
        DeviceError, match=r"^out of GPU memory while the plan was loaded \(Cuda Runtime \(out of memory\)\); lower"
    ):
        cache.engine(KEY, build=build, load=lambda data: None, complaint=lambda: "Cuda Runtime (out of memory)")
    assert len(builds) == (0 if kept else 1)
    assert cache.load(KEY).data == b"a plan"


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"}, {"tensorrt": "10.14"}, {"gpu": T4 | {"name": "A10"}}, {"gpu": T4 | {"compute_cap": "8.6"}},
        {"profile": {"image": ((1, 3), (1, 3), (8, 3))}}, {"options": {"level": 5}},
    ],
)  # fmt: skip
def test_key_is_another_when_anything_that_a_plan_depends_on_differs(change):
    assert replace(KEY, **change).name != KEY.name


def test_key_is_the_same_when_only_the_driver_differs():
    assert replace(KEY, gpu=T4 | {"driver_version": "560"}).name == KEY.name


def test_timing_cache_is_shared_when_another_model_is_built_on_the_same_gpu(cache):
    cache.keep(KEY, BUILT)
    assert cache.timing_cache(replace(KEY, model="other", options={"level": 0})) == b"timings"
    assert cache.timing_cache(replace(KEY, gpu=T4 | {"name": "A10"})) == b""

"""Which samples an iteration sees: everything follows from the seed."""

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.experiment import TaskSource
from workbench.quant.training.batches import Batches
from workbench.quant.training.options import Training
from workbench.quant.training.parallel import ALONE, Group
from workbench.tasks.loader import load_task, task_spec


@pytest.fixture
def batches(imported, tiny_task_file, tmp_path):
    def make(*, labelled=True, training_images=20, seed=0, group=ALONE, **train):
        options = {"training_images": training_images}
        task = load_task(task_spec(TaskSource(file=tiny_task_file, options=options), tmp_path))
        return Batches(
            imported["tiny"], task, Training(batch_size=8, seed=seed, **train), labelled=labelled, group=group
        )

    return make


def test_batch_is_the_same_when_asked_for_again(batches):
    one, other = batches(), batches()
    for iteration in (3, 0, 3):
        (a,), labels_a = one.batch(iteration)
        (b,), labels_b = other.batch(iteration)
        assert (a == b).all()
        assert (labels_a["label"] == labels_b["label"]).all()


def test_batch_is_another_when_iteration_or_seed_is(batches):
    (first,), _ = batches().batch(0)
    assert not (first == batches().batch(1)[0][0]).all()
    assert not (first == batches(seed=1).batch(0)[0][0]).all()


def test_epoch_sees_no_sample_twice_when_batches_are_full(batches):
    found = batches(epochs=1)
    assert found.per_epoch == found.iterations == 2
    pictures = np.concatenate([found.batch(iteration)[0][0] for iteration in range(2)])
    assert len(np.unique(pictures.reshape(16, -1), axis=0)) == 16


def test_batch_has_shapes_of_the_model_and_labels_when_labelled(batches):
    found = batches()
    (images,), labels = found.batch(0)
    assert images.shape == (8, 3, 16, 16)
    assert images.dtype == np.float32
    assert labels["label"].shape == (8, 1)
    assert {name: value.shape for name, value in found.example().items()} == {"label": (1,)}


def test_calibration_samples_are_taken_when_nothing_else_is_there_and_no_labels_are_needed(batches):
    found = batches(labelled=False, training_images=0)
    assert found.batch(0)[1] == {}
    assert found.example() == {}
    with pytest.raises(InputError, match="its training set is empty"):
        batches(training_images=0)


def test_batch_is_smaller_when_there_are_few_samples(batches):
    found = batches(training_images=3)
    assert found.batch(0)[0][0].shape[0] == 3
    assert found.per_epoch == 1


def test_iterations_are_those_of_the_recipe_when_it_names_them(batches):
    assert batches(iterations=7).iterations == 7
    assert batches(epochs=2.5).iterations == 5


def test_processes_share_a_batch_when_they_are_a_group(batches):
    (whole,), labels = batches().batch(1)
    parts = [batches(group=Group(rank, 2)).batch(1) for rank in range(2)]
    for rank, ((part,), part_labels) in enumerate(parts):
        assert (part == whole[rank::2]).all()
        assert (part_labels["label"] == labels["label"][rank::2]).all()


def test_batch_is_smaller_when_the_samples_do_not_go_round(batches):
    parts = [batches(training_images=5, group=Group(rank, 2)).batch(0)[0][0] for rank in range(2)]
    assert [len(part) for part in parts] == [2, 2]


def test_batches_are_refused_when_there_are_fewer_samples_than_processes(batches):
    with pytest.raises(InputError, match=r"train.processes = 4: only 3 training samples"):
        batches(training_images=3, group=Group(0, 4))

"""Filter pruning: which filters go, from which convolutions, and the proof that the smaller network is the one that was meant."""

import math
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench.compatibility import faster_pruning, import_paddle, import_paddleslim_quant
from workbench.errors import InputError, UnsupportedError
from workbench.files import write_json
from workbench.models.cleanup.program_graph import stored_variables
from workbench.models.complexity import multiply_adds
from workbench.models.model import MANIFEST, Model
from workbench.quant.training.judge import judge_program
from workbench.quant.training.options import Criterion, Pruning
from workbench.tasks.base import Task

CRITERIA = {Criterion.L1_NORM: "l1_norm", Criterion.FPGM: "geometry_median"}
SHARE = 0.3  # of the FLOPs, where a recipe names no goal
MOST = 0.9  # of a convolution's filters
TRIED = (0.25, 0.5, 0.75)  # ratios at which sensitivity is measured
HALVINGS = 9
# Kernels work on blocks of channels: with 54 filters in place of 56 ONNX Runtime needed three times as long (AVX-512, 28 x 28 pixels).
MULTIPLES = (8, 4, 2, 1)
NEAR = 0.02  # of the FLOPs: where the goal is missed by more, a smaller multiple is tried
EQUAL = 1e-4  # largest difference, relative to the largest output
REGIONS = frozenset({
    "generate_proposals", "generate_proposals_v2", "distribute_fpn_proposals", "collect_fpn_proposals", "roi_align", "roi_pool",
    "psroi_pool", "prroi_pool",
})  # fmt: skip
"""Operators of two-stage detectors (the R-CNN family), in which boxes decide what later layers see."""
Ratios = dict[str, float]
Judge = Callable[[Any, list[str], list[Any]], float]
"""The task's metric, higher is better, of a program in the current scope, with its feeds and fetches."""


def write_pruned(source: Model, pruning: Pruning, task: Task, folder: Path) -> Model:
    """The source with fewer filters, written into `folder`; its facts tell the share of the FLOPs that went, and the ratios."""
    pruned = Pruned(source, pruning)
    better = 1 if task.higher_is_better else -1

    def judge(program: Any, feeds: list[str], fetches: list[Any]) -> float:
        return better * judge_program(pruned.executor, program, feeds, fetches, source=source, task=task)

    facts = pruned.save(folder / "model", judge=judge if task.search() else None)
    manifest = source.manifest.model_copy(update={"facts": source.manifest.facts | facts})
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
    return Model(folder, manifest)


class Pruned:
    """A float network while filters are taken from it, in a scope of its own.

    After: PaddleSlim's static `Pruner` (H. Li et al., "Pruning filters for efficient ConvNets", 2017, for the L1 norm; Y. He et al.,
    "Filter pruning via geometric median", 2019, for FPGM), whose groups keep tensors that are added together alike.
    """

    def __init__(self, source: Model, pruning: Pruning) -> None:
        """Load the network; raises UnsupportedError when no convolution of it can be pruned."""
        self._paddle = import_paddle()
        import_paddleslim_quant()
        self._paddle.enable_static()
        self._source = source
        self._pruning = pruning
        self._place = self._paddle.CPUPlace()
        self.executor = self._paddle.static.Executor(self._place)
        self._scope = self._paddle.static.Scope()
        with self._paddle.static.scope_guard(self._scope):
            self._program, self._feeds, self._fetches = self._paddle.static.load_inference_model(
                str(source.paddle_prefix), self.executor
            )
            self._refuse_regions()
            self._prunable = self._find_prunable()
        if not self._prunable:
            raise UnsupportedError(
                f"model {source.label}: no convolution of it can lose filters without changing the outputs' shapes"
            )
        self._flops = self._count(self._program)

    def save(self, prefix: Path, *, judge: Judge | None) -> dict[str, Any]:
        """Choose ratios, prune, prove and write `prefix`.pdmodel and .pdiparams; returns the facts.

        `judge` is needed where the recipe asks for sensitivity. Raises UnsupportedError when the smaller network does not
        compute what the network computes without those filters.
        """
        with self._paddle.static.scope_guard(self._scope):
            ratios = self._ratios(judge)
            inputs = self._random_inputs()
            without = self._outputs_without(ratios, inputs)
            program = self._prune(ratios, only_graph=False)
            self._prove(without, self._run(program, inputs))
            block = program.global_block()
            self._paddle.static.save_inference_model(
                str(prefix), [block.var(name) for name in self._feeds], [block.var(v.name) for v in self._fetches],
                self.executor, program=program,
            )  # fmt: skip
            return {
                "pruned_flops": round(1 - self._count(program) / self._flops, 4),
                "pruned_ratios": {name: round(ratio, 4) for name, ratio in ratios.items() if ratio},
            }

    def _refuse_regions(self) -> None:
        found = next((op.type for op in self._program.global_block().ops if op.type in REGIONS), None)
        if found is not None:
            raise UnsupportedError(
                f"model {self._source.label}: pruning a network of the R-CNN family is not sound: {found} hands regions to later layers, "
                "so that filters cannot be followed through it, nor the smaller network be proved equal; prune a one-stage detector"
            )

    def _convolutions(self) -> list[str]:
        """The weights of the plain convolutions; those of depthwise ones follow their inputs."""
        block = self._program.global_block()
        plain = [op for op in block.ops if op.type == "conv2d" and op.attr("groups") == 1]
        return list(dict.fromkeys(op.input("Filter")[0] for op in plain))

    def _find_prunable(self) -> list[str]:
        """The convolutions that can lose filters; asked one by one only where not all can."""
        names = self._convolutions()
        if names and not self._keeps_outputs(names):
            return [name for name in names if self._keeps_outputs([name])]
        return names

    def _keeps_outputs(self, names: list[str]) -> bool:
        """Whether the network is whole, and its outputs have their shapes, when these convolutions lose half their filters."""
        try:
            block = self._prune(dict.fromkeys(names, 0.5), only_graph=True).global_block()
        except Exception:
            return False
        return all(tuple(block.var(v.name).shape) == tuple(v.shape) for v in self._fetches)

    def _ratios(self, judge: Judge | None) -> Ratios:
        given = self._pruning.ratios
        if given:
            return {self._named(name): ratio for name, ratio in given.items()}
        goal = self._pruning.flops or SHARE
        most = self._bearable(judge, goal) if self._pruning.sensitivity else dict.fromkeys(self._prunable, MOST)
        found: list[tuple[float, Ratios]] = []
        for multiple in MULTIPLES:
            found.append(self._nearest(most, goal, multiple))
            if found[-1][0] <= NEAR:
                break
        return min(found, key=lambda pair: pair[0])[1]

    def _bearable(self, judge: Judge | None, goal: float) -> Ratios:
        """The largest ratios that each cost no more of the metric than any other, with which the goal can be reached."""
        from paddleslim.prune import get_ratios_by_loss

        found = self._sensitivities(judge)
        for loss in sorted({0.0, *(loss for losses in found.values() for loss in losses.values() if loss > 0)}):
            ratios = {name: min(max(r, 0.0), MOST) for name, r in get_ratios_by_loss(found, loss).items()}
            if self._share(ratios) >= goal:
                break
        return ratios

    def _named(self, name: str) -> str:
        if name not in self._prunable:
            raise InputError(
                f"prune.ratios: {name!r} is no weight of a convolution that can be pruned; there are: {', '.join(self._prunable[:8])}…"
            )
        return name

    def _nearest(self, most: Ratios, goal: float, multiple: int) -> tuple[float, Ratios]:
        """The part of these ratios that comes nearest to the goal, and how near, with filters left in multiples."""
        low, high = 0.0, 1.0
        below: Ratios = dict.fromkeys(most, 0.0)
        above = below
        tried: dict[float, Ratios] = {}
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            ratios = self._whole({name: middle * ratio for name, ratio in most.items()}, multiple)
            share = self._share(ratios)
            tried[abs(share - goal)] = ratios
            if share < goal:
                low, below = middle, ratios
            else:
                high, above = middle, ratios
        # Layers of one width lose a block at the same moment: between the two lie steps of one layer each.
        for name in [name for name in below if above[name] > below[name]]:
            below = below | {name: above[name]}
            tried[abs(self._share(below) - goal)] = below
        return min(tried.items())

    def _whole(self, ratios: Ratios, multiple: int) -> Ratios:
        """These ratios with the number of filters left rounded up to a multiple."""
        block = self._program.global_block()
        filters = {name: block.var(name).shape[0] for name in ratios}
        left = {name: math.ceil(filters[name] * (1 - ratio) / multiple) * multiple for name, ratio in ratios.items()}
        return {name: max(1 - left[name] / filters[name], 0.0) for name in ratios}

    def _share(self, ratios: Ratios) -> float:
        """The share of the FLOPs that goes with these ratios."""
        return 1 - self._count(self._prune(ratios, only_graph=True)) / self._flops

    def _sensitivities(self, judge: Judge | None) -> dict[str, dict[float, float]]:
        from paddleslim.prune import sensitivity

        if judge is None:
            raise InputError("prune.sensitivity: the task's search set is empty; give it samples, or leave the key out")

        def evaluate(program: Any) -> float:
            block = program.global_block()
            return judge(program, self._feeds, [block.var(v.name) for v in self._fetches])

        with tempfile.TemporaryDirectory() as scratch, faster_pruning():
            found: dict[str, dict[float, float]] = sensitivity(
                self._program, self._place, self._prunable, evaluate, sensitivities_file=str(Path(scratch) / "kept"),
                pruned_ratios=list(TRIED), criterion=CRITERIA[self._pruning.criterion],
            )  # fmt: skip
        return found

    def _prune(self, ratios: Mapping[str, float], *, only_graph: bool, lazy: bool = False) -> Any:
        from paddleslim.prune import Pruner

        chosen = {name: ratio for name, ratio in ratios.items() if ratio > 0}
        # How many filters go does not depend on which; ranking them takes long, by their distances above all.
        criterion = Criterion.L1_NORM if only_graph else self._pruning.criterion
        with faster_pruning():
            program, _, _ = Pruner(CRITERIA[criterion]).prune(
                self._program,
                self._scope,
                list(chosen),
                list(chosen.values()),
                self._place,
                only_graph=only_graph,
                lazy=lazy,
            )
        return program

    def _count(self, program: Any) -> int:
        found = multiply_adds(program)
        if not found:
            raise UnsupportedError(
                f"model {self._source.label}: its FLOPs cannot be counted, since a shape in it is unknown; fix its inputs' shapes"
            )
        return found

    def _random_inputs(self) -> dict[str, Any]:
        random = np.random.default_rng(0)
        shapes = [[abs(axis) for axis in spec.shape] for spec in self._source.manifest.inputs]
        dtypes = [spec.dtype for spec in self._source.manifest.inputs]
        return {
            name: random.normal(0, 1, shape).astype(dtype)
            for name, shape, dtype in zip(self._feeds, shapes, dtypes, strict=True)
        }

    def _outputs_without(self, ratios: Ratios, inputs: dict[str, Any]) -> list[Any]:
        """What the network computes with zeros in place of the filters that go."""
        stored = {v.name: np.array(self._scope.find_var(v.name).get_tensor()) for v in stored_variables(self._program)}
        found = self._run(self._prune(ratios, only_graph=False, lazy=True), inputs)
        for name, value in stored.items():
            self._scope.find_var(name).get_tensor().set(value, self._place)
        return found

    def _run(self, program: Any, inputs: dict[str, Any]) -> list[Any]:
        block = program.global_block()
        found: list[Any] = self.executor.run(
            program, feed=inputs, fetch_list=[block.var(v.name) for v in self._fetches]
        )
        return found

    def _prove(self, without: list[Any], pruned: list[Any]) -> None:
        for one, other in zip(without, pruned, strict=True):
            largest = float(np.abs(one).max())
            difference = float(np.abs(one - other).max()) if one.shape == other.shape else float("inf")
            if not difference <= EQUAL * max(largest, 1e-6):
                raise UnsupportedError(
                    f"model {self._source.label}: pruning it is not sound: the smaller network differs by {difference:.3g} from "
                    f"the same network with zeros in place of those filters (largest output {largest:.3g})"
                )

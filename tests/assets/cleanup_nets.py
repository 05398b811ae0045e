"""Small Paddle programs that importers could have left behind, and jobs that clean them; run in a worker (see native_jobs.py)."""

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["FLAGS_enable_pir_api"] = "0"

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

from workbench.files import file_digest
from workbench.models.cleanup.clean_up import REWRITES, clean_up
from workbench.models.cleanup.program_graph import ProgramGraph
from workbench.models.cleanup.random_run import largest_difference, run
from workbench.models.complexity import multiply_adds
from workbench.worker import Channel

SIZE, BATCH = 16, 3
Net = Callable[[Any], Any]


def weight(*shape: int) -> Any:
    return paddle.create_parameter(list(shape), "float32")


def append(kind: str, x: Any, **attrs: Any) -> Any:
    """An operator that no Python function writes any more."""
    block = x.block
    out = block.create_var(name=f"{x.name}.{kind}", dtype=x.dtype)
    block.append_op(type=kind, inputs={"X": [x]}, outputs={"Out": [out]}, attrs=attrs)
    return out


def shuffle(x: Any, groups: int = 2) -> Any:
    _, channels, height, width = x.shape
    x = paddle.reshape(x, [-1, groups, channels // groups, height, width])
    return paddle.reshape(paddle.transpose(x, [0, 2, 1, 3, 4]), [-1, channels, height, width])


def unit(x: Any, block: Net = shuffle) -> Any:
    """ShuffleNetV2's basic unit: one half passes, the other is computed, then all are shuffled."""
    kept, used = paddle.split(x, 2, axis=1)
    half = used.shape[1]
    used = F.relu(nn.BatchNorm2D(half)(nn.Conv2D(half, half, 1, bias_attr=False)(used)))
    used = nn.BatchNorm2D(half)(nn.Conv2D(half, half, 3, padding=1, groups=half, bias_attr=False)(used))
    used = F.leaky_relu(nn.Conv2D(half, half, 1)(used))
    return block(paddle.concat([kept, used], axis=1))


def down(x: Any, channels: int) -> Any:
    """ShuffleNetV2's unit with stride 2: both branches read everything."""
    left = nn.Conv2D(x.shape[1], x.shape[1], 3, stride=2, padding=1, groups=x.shape[1])(x)
    left = F.relu(nn.Conv2D(x.shape[1], channels // 2, 1)(left))
    right = F.relu(nn.Conv2D(x.shape[1], channels // 2, 3, stride=2, padding=1)(x))
    return shuffle(paddle.concat([left, right], axis=1))


def stem(x: Any, channels: int = 8) -> Any:
    return F.relu(nn.Conv2D(3, channels, 3, padding=1)(x))


def pooled(x: Any) -> Any:
    return F.adaptive_avg_pool2d(x, 1).flatten(1)


def biases(x: Any) -> Any:
    x = nn.Conv2D(3, 8, 3)(x)
    x = nn.Conv2D(8, 8, 3, groups=8)(x)
    x = weight(1, 8, 1, 1) + nn.Conv2D(8, 8, 1, bias_attr=False)(x)
    x = nn.Conv2D(8, 8, 1, bias_attr=False)(x) + weight(8, 1, 1)
    x = nn.Conv2DTranspose(8, 6, 2)(x)
    return paddle.matmul(pooled(x), weight(6, 5)) + paddle.reshape(weight(5), [1, 5])


def no_biases(x: Any) -> Any:
    """Additions that look like a bias: to every pixel, along the width, and of one channel to all."""
    x = nn.Conv2D(3, 14, 3, bias_attr=False)(x)
    x = nn.Conv2D(14, 14, 1, bias_attr=False)(x + weight(1, 1, 14, 14))
    return nn.Conv2D(14, 14, 1, bias_attr=False)(x + weight(14)) + weight(1, 1, 1, 1)


def norms(x: Any) -> Any:
    x = F.relu(nn.BatchNorm2D(8)(nn.Conv2D(3, 8, 3, bias_attr=False)(x)))
    x = F.relu(nn.BatchNorm2D(8)(nn.Conv2D(8, 8, 3, groups=8)(x)))
    x = nn.BatchNorm2D(8)(nn.Conv2D(8, 8, 3, groups=4)(x))
    x = nn.BatchNorm2D(6)(nn.Conv2DTranspose(8, 6, 2, groups=2, bias_attr=False)(x))
    return nn.BatchNorm1D(5)(nn.Linear(6, 5, bias_attr=False)(pooled(x)))


def norms_apart(x: Any) -> Any:
    """Normalizations that no layer before them can take in: of an activation, of a result read twice, of a shared weight."""
    x = nn.BatchNorm2D(3)(x)
    twice = nn.Conv2D(3, 8, 3, padding=1, bias_attr=False)(F.relu(x))
    x = twice + nn.BatchNorm2D(8)(twice)
    shared = nn.Conv2D(8, 8, 1, bias_attr=False)
    return nn.BatchNorm2D(8)(shared(x)) + shared(F.relu(x))


def constants(x: Any) -> Any:
    x = pooled(stem(x))
    factor = paddle.full([1, 8], 3.0) * paddle.full([8], 0.5) + 1.0
    table = paddle.transpose(weight(5, 8), [1, 0]) * 2.0
    fixed = paddle.shape(weight(4, 7))[1].cast("float32")
    return paddle.matmul(x * factor, table) + fixed


def large_constant(x: Any) -> Any:
    return pooled(x).sum() + paddle.expand(weight(1, 1100), [1000, 1100])


def identities(x: Any) -> Any:
    x = F.dropout(paddle.assign(stem(x)), 0.5, training=False)
    x = paddle.transpose(paddle.scale(x, 1.0), [0, 1, 2, 3]).cast("float32")
    return append("scale", F.relu(x), scale=1.0, bias=0.0)


def in_place(x: Any) -> Any:
    x = stem(x)
    x.block.append_op(type="scale", inputs={"X": [x]}, outputs={"Out": [x]}, attrs={"scale": 2.0, "bias": 1.0})
    x.block.append_op(type="relu", inputs={"X": [x]}, outputs={"Out": [x]})
    y = nn.Conv2D(8, 4, 1)(x)
    y.block.append_op(type="scale", inputs={"X": [y]}, outputs={"Out": [y]}, attrs={"scale": 1.0, "bias": 0.0})
    return y


def gates(x: Any) -> Any:
    """Three spellings of swish."""
    x = F.silu(nn.Conv2D(3, 8, 3)(x))
    x = nn.Conv2D(8, 8, 3)(x)
    x = nn.Conv2D(8, 8, 1)(x * F.sigmoid(x))
    return F.sigmoid(x) * x


def other_gates(x: Any) -> Any:
    """Sigmoids that are multiplied with something else, or that others read too."""
    x = stem(x)
    x = x * F.sigmoid(nn.Conv2D(8, 8, 1)(x))
    gate = F.sigmoid(x)
    return x * gate + gate


def means(x: Any) -> Any:
    """A mean over the picture as an attention gate takes it, in two spellings."""
    x = stem(x)
    x = x * nn.Conv2D(8, 8, 1)(x.mean([2, 3], keepdim=True))
    return x.mean([-1, -2], keepdim=True)


def other_means(x: Any) -> Any:
    """Means over other axes, and without the axes that a pooling would leave."""
    x = stem(x)
    return x.mean([1], keepdim=True) + x.mean([2], keepdim=True) + x.mean([2, 3]).sum() + x.mean()


def shuffles(x: Any) -> Any:
    x = stem(x)
    for channels in (8, 12):
        x = unit(unit(unit(down(x, channels))))
    return pooled(F.relu(nn.Conv2D(12, 10, 1)(x)))


def shuffle_operators(x: Any) -> Any:
    x = unit(unit(down(stem(x), 8), lambda x: append("shuffle_channel", x, group=2)))
    return nn.Conv2D(8, 4, 1)(F.max_pool2d(x, 2))


def shuffle_of_three(x: Any) -> Any:
    x = shuffle(paddle.concat([stem(x, 6), stem(x, 6)], axis=1), 3)
    return nn.Conv2D(8, 4, 1)(x[:, 4:])


def shuffles_seen(x: Any) -> Any:
    """The last unit's channels are read by what is not a convolution; the stage before is."""
    x = unit(down(stem(x), 8))
    x = unit(down(x, 12))
    return paddle.matmul(pooled(x), weight(12, 5))


def one_by_one(x: Any) -> Any:
    """Exported for a batch of one, although its input takes any: ShuffleNet's reshapes, and one with an axis left open."""
    x = down(stem(x), 8)
    x = paddle.transpose(paddle.reshape(x, [1, 2, 4, 8, 8]), [0, 2, 1, 3, 4])
    x = nn.Conv2D(8, 4, 1)(paddle.reshape(x, [1, -1, 8, 8]))
    return paddle.reshape(x, [1, 4, -1])


def whole_batch(x: Any) -> Any:
    """The batch becomes another axis, on purpose."""
    return paddle.reshape(pooled(stem(x)), [1, -1, 8]).mean(1)


def any_height(x: Any) -> Any:
    """How high a picture the convolution gets is known only when it runs."""
    return nn.Conv2D(3, 4, 1)(x[:, :, : paddle.shape(x)[2] - (x.mean() > 9).cast("int32")])


def branches(x: Any) -> Any:
    return paddle.static.nn.cond(x.mean() > 0, lambda: F.relu(stem(x)), lambda: stem(x))


def quantized(x: Any) -> Any:
    x = stem(x)
    scale = x.block.create_var(name="scale", dtype="float32")
    out = x.block.create_var(name="quantized", dtype="float32")
    x.block.append_op(
        type="fake_quantize_dequantize_abs_max",
        inputs={"X": [x]}, outputs={"Out": [out], "OutScale": [scale]}, attrs={"bit_length": 8},
    )  # fmt: skip
    return out


def any_net(seed: int) -> Net:
    """A random chain of what the rewrites look for."""
    choose = random.Random(seed)

    def layer(x: Any) -> Any:
        count = x.shape[1]
        kind = choose.choice(["full", "depthwise", "unit", "shuffle", "residual", "pool", "identity", "flat"])
        if kind in ("full", "depthwise"):
            full = kind == "full"
            made = choose.choice([4, 8, 12]) if full else count
            x = nn.Conv2D(
                count, made, 3, padding=1, groups=1 if full else count, bias_attr=choose.choice([None, False])
            )(x)
            x = nn.BatchNorm2D(made)(x) if choose.random() < 0.6 else x
            return choose.choice([F.relu, F.leaky_relu, F.hardswish, F.silu, lambda x: x])(x)
        return {
            "unit": unit,
            "shuffle": shuffle,
            "residual": lambda x: x + nn.Conv2D(count, count, 1)(x),
            "pool": lambda x: F.max_pool2d(x, 3, stride=1, padding=1),
            "identity": lambda x: paddle.assign(x),
            "flat": lambda x: x * (paddle.reshape(weight(count), [1, count, 1, 1]) + 1.0),
        }[kind](x)

    def build(x: Any) -> Any:
        x = stem(x)
        for _ in range(choose.randint(4, 9)):
            x = layer(x)
        return choose.choice([pooled, lambda x: x, lambda x: nn.Conv2D(x.shape[1], 4, 1)(x)])(x)

    return build


NETS: dict[str, Net] = {
    net.__name__: net
    for net in (
        biases, no_biases, norms, norms_apart, constants, large_constant, identities, in_place, gates, other_gates, means, other_means,
        shuffles, shuffle_operators, shuffle_of_three, shuffles_seen, one_by_one, whole_batch, any_height, branches, quantized,
    )
} | {f"any_{seed}": any_net(seed) for seed in range(16)}  # fmt: skip


def save(net: Net, prefix: Path) -> None:
    """Build a program of any batch, give it random weights and statistics, and write it."""
    paddle.enable_static()
    paddle.seed(0)
    program, startup = paddle.static.Program(), paddle.static.Program()
    executor = paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(paddle.static.Scope()):
        with paddle.static.program_guard(program, startup), paddle.utils.unique_name.guard():
            image = paddle.static.data("image", [-1, 3, SIZE, SIZE], "float32")
            output = net(image)
        executor.run(startup)
        generator = np.random.default_rng(0)
        for variable in program.list_vars():
            if variable.persistable and len(variable.shape) == 1:
                # Scales, shifts, means, variances and biases: all positive, none of them 0 or 1.
                tensor = paddle.static.global_scope().find_var(variable.name).get_tensor()
                tensor.set(generator.uniform(0.5, 1.5, variable.shape).astype(np.float32), paddle.CPUPlace())
        paddle.static.save_inference_model(
            str(prefix), [image], [output], executor, program=program.clone(for_test=True)
        )


def save_vision(name: str, prefix: Path) -> None:
    """A network of paddle.vision without trained weights, but with statistics of its own."""
    paddle.disable_static()
    paddle.seed(0)
    net = getattr(paddle.vision.models, name)()
    generator = np.random.default_rng(0)
    for layer in net.sublayers():
        if isinstance(layer, nn.BatchNorm2D):
            for value, spread in ((layer.weight, 0.5), (layer.bias, 0.3), (layer._mean, 0.3), (layer._variance, 0.5)):
                around = 1.0 if spread == 0.5 else 0.0
                value.set_value(generator.uniform(around - spread, around + spread, value.shape).astype("float32"))
    net.eval()
    paddle.jit.save(net, str(prefix), input_spec=[paddle.static.InputSpec([None, 3, 64, 64], "float32", "image")])
    paddle.enable_static()


def outputs(prefix: Path, image: Any) -> list[Any]:
    """Outputs of a batch; of the samples one by one where the program takes them so only."""
    try:
        return run(prefix, {"image": image})
    except Exception:
        singles = [run(prefix, {"image": image[index : index + 1]}) for index in range(BATCH)]
        return [np.concatenate(parts) for parts in zip(*singles, strict=True)]


def clean(prefix: Path, *, size: int, rewrites: Any = REWRITES) -> dict[str, Any]:
    """Clean the program at `prefix`; what it says, and what is seen from outside on another input than its own."""
    before = prefix.with_name("before")
    for ending in (".pdmodel", ".pdiparams"):
        shutil.copy(prefix.with_suffix(ending), before.with_suffix(ending))
    done = clean_up(prefix, rewrites=rewrites)
    image = np.random.default_rng(1).normal(size=(BATCH, 3, size, size)).astype(np.float32)
    graphs = ProgramGraph.load(before), ProgramGraph.load(prefix)
    return {
        **done.facts(),
        "difference": largest_difference(outputs(before, image), outputs(prefix, image)),
        "output_shapes": [graphs[1].shape(name) for name in graphs[1].fetches],
        "multiply_adds": [multiply_adds(graph.program) for graph in graphs],
        "before": Counter(op.type for op in graphs[0].ops),
        "after": Counter(op.type for op in graphs[1].ops),
        "same_interface": len({(*graph.feeds, *graph.fetches, *map(graph.shape, graph.feeds)) for graph in graphs})
        == 1,
        "same_files": all(
            file_digest(prefix.with_suffix(ending)) == file_digest(before.with_suffix(ending))
            for ending in (".pdmodel", ".pdiparams")
        ),
        "weights": [name for name in graphs[1]._block.vars if graphs[1].is_weight(name)],
    }


def clean_nets(channel: Channel, *, folder: str) -> dict[str, Any]:
    """Save and clean every network of this file."""
    found = {}
    for name, net in NETS.items():
        prefix = Path(folder) / name / "model"
        save(net, prefix)
        found[name] = clean(prefix, size=SIZE)
    return found


def clean_vision(channel: Channel, *, names: list[str], folder: str) -> dict[str, Any]:
    """Save and clean networks of paddle.vision."""
    found = {}
    for name in names:
        prefix = Path(folder) / name / "model"
        save_vision(name, prefix)
        found[name] = clean(prefix, size=64)
    return found


def clean_wrongly(channel: Channel, *, folder: str) -> dict[str, Any]:
    """Clean with rewrites that are wrong or raise."""

    def double_a_weight(graph: ProgramGraph) -> int:
        name = next(op.input("Filter")[0] for op in graph.ops if op.type == "conv2d")
        graph.set_value(name, 2 * graph.value(name))
        return 1

    def fail(graph: ProgramGraph) -> int:
        raise ValueError("a made-up error")

    found = {}
    for rewrite in (double_a_weight, fail):
        prefix = Path(folder) / rewrite.__name__ / "model"
        save(biases, prefix)
        found[rewrite.__name__] = clean(
            prefix, size=SIZE, rewrites={"fold_bias": REWRITES["fold_bias"], "bad": rewrite}
        )
    return found

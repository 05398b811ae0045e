"""Every workaround for a fault of a library below us, each with the version it was seen in and the reason."""

import contextlib
import io
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)


def import_paddle() -> Any:
    """Import paddle so that programs are kept in the legacy format.

    paddlepaddle 3.0.0: the new program format is the default and PaddleSlim 2.6.0 does not read it; the flag counts only
    when it is set before the import.
    """
    if "paddle" not in sys.modules:
        os.environ["FLAGS_enable_pir_api"] = "0"
    import paddle

    return paddle


def import_paddleslim_quant() -> Any:
    """Import `paddleslim.quant`.

    paddleslim 2.6.0 imports `pkg_resources`, gone from setuptools 81 (the lock holds an older one), and matplotlib's
    pyplot, which must not look for a display.
    """
    os.environ.setdefault("MPLBACKEND", "Agg")
    import paddleslim.quant as quant

    return quant


def convert_onnx_to_paddle(onnx_file: Path, scratch: Path, *, input_shapes: dict[str, list[int]]) -> Path:
    """Convert an ONNX file with x2paddle; returns the stem of the .pdmodel and .pdiparams files it wrote below `scratch`.

    x2paddle 1.6.0 sends usage statistics unless told not to, evaluates the shapes from a string, prefixes every input's
    name with `x2paddle_`, and only prints which operators it lacks.
    """
    import_paddle()
    from x2paddle.convert import onnx2paddle

    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            # The file is checked by the caller: x2paddle's own check rejects files larger than 2 GB.
            onnx2paddle(
                str(onnx_file),
                str(scratch / "converted"),
                input_shape_dict=repr(input_shapes) if input_shapes else None,
                disable_feedback=True,
                enable_onnx_checker=False,
            )
    except Exception as error:
        if lacking := re.findall(r"^=+ (\w+) =+$", printed.getvalue(), re.MULTILINE):
            raise NotImplementedError(f"it has no {', '.join(lacking)}") from error
        raise
    finally:
        print(printed.getvalue())
    return scratch / "converted" / "inference_model" / "model"


def count_gflops(program: Any) -> float | None:
    """Multiply-adds (1e9) of the convolutions and matrix products of a static program for one sample, by PaddleSlim.

    paddleslim 2.6.0 multiplies by the batch axis as it stands, -1 when it is dynamic, and fails on operators whose
    output shape is unknown; then there is no figure.
    """
    import_paddle()
    from paddleslim.analysis import flops

    try:
        return round(abs(float(flops(program))) / 1e9, 4)
    except Exception as error:
        logger.warning("no GFLOPs for this model: %s", error)
        return None

"""What is not exported, and why: paddle2onnx would end the process."""

import pytest

from workbench.errors import UnsupportedError
from workbench.lowering.onnx_export import export_float
from workbench.models.model import Format, Manifest, Model


def test_export_is_refused_with_its_reason_when_an_operator_would_abort_it(tmp_path):
    with Model.build(tmp_path) as draft:
        # An operator's type as it stands in a program: field 3, length, name.
        (draft.folder / "model.pdmodel").write_bytes(b"\x0a\x01x\x1a\x0fdeformable_conv\x22")
        draft.manifest = Manifest(name="dcn", format=Format.PADDLE, inputs=(), outputs=())
    assert draft.model is not None
    with pytest.raises(
        UnsupportedError, match="model dcn: deformable_conv cannot be exported: ONNX has it from opset 19"
    ):
        export_float(draft.model)

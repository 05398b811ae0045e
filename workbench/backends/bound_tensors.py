"""Inputs and outputs of an ONNX Runtime session that lie on a device, so that copies and inference are apart."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class BoundTensors:
    """The inputs and outputs of a session, bound to memory of a device ("cuda", or "cpu")."""

    def __init__(self, session: Any, device: str) -> None:
        self._session, self._device = session, device
        self._binding = session.io_binding()
        self._names = [value.name for value in session.get_inputs()]
        self._values: dict[str, Any] = {}

    def named(self, values: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Arrays by the session's own names of its inputs."""
        return dict(zip(self._names, values, strict=True))

    def send(self, values: Sequence[NDArray[Any]]) -> None:
        """Copy the inputs to the device; memory is taken anew only for another shape."""
        import onnxruntime

        for name, value in self.named(values).items():
            array = np.ascontiguousarray(value)
            held = self._values.get(name)
            if held is not None and tuple(held.shape()) == array.shape:
                held.update_inplace(array)
            else:
                # A copy, since on the CPU the device's memory would be the caller's own array.
                self._values[name] = onnxruntime.OrtValue.ortvalue_from_numpy(array.copy(), self._device, 0)
                self._binding.bind_ortvalue_input(name, self._values[name])
                # What an earlier run put there is kept otherwise, and too small for another shape.
                self._binding.clear_binding_outputs()
                for output in self._session.get_outputs():
                    self._binding.bind_output(output.name, self._device)

    def infer(self) -> None:
        """Run once; on a GPU it may still be at work when this returns."""
        self._session.run_with_iobinding(self._binding)

    def fetch(self) -> list[NDArray[Any]]:
        """Copy the outputs to the host, in the session's order, when they are there."""
        self._binding.synchronize_outputs()
        outputs: list[NDArray[Any]] = self._binding.copy_outputs_to_cpu()
        return outputs

    def parts_ms(self, values: Sequence[NDArray[Any]]) -> dict[str, float]:
        """The time of each part of a run, in ms; the device is waited for between them."""
        clock = time.perf_counter
        start = clock()
        self.send(values)
        self._binding.synchronize_inputs()
        sent = clock()
        self.infer()
        self._binding.synchronize_outputs()
        done = clock()
        self.fetch()
        times = {"host_to_device": sent - start, "inference": done - sent, "device_to_host": clock() - done}
        return {name: seconds * 1e3 for name, seconds in times.items()}

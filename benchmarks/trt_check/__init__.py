"""Whether TensorRT takes what the workbench lowers, without a GPU: plans by TensorRT-RTX's ahead-of-time builder."""

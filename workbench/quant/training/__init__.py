"""Methods that train: quantization-aware training, distillation and pruning share one loop over a static program."""

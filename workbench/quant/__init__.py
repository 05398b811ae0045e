"""PaddleSlim's quantization methods behind one contract."""

"""The integer levels of INT8 quantization, and how finely values are counted to choose a range."""

LEVELS = 127  # symmetric int8: -128..127 steps of absmax / 127
STEPS = 255  # asymmetric uint8: (maximum - minimum) / 255
SMALLEST = 1e-8  # PaddleSlim's stand-in for the range of a tensor that is zero throughout
BINS = 2048  # of |x| up to the largest value, as many as PaddleSlim has

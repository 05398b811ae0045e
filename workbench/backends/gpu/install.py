"""The lines that install what a GPU backend needs: one environment whose parts are all for CUDA 12."""

NVIDIA_INDEX = "https://pypi.nvidia.com"
PADDLE_INDEX = "https://www.paddlepaddle.org.cn/packages/stable/cu126/"
TENSORRT = f"pip install 'tensorrt-cu12==10.13.3.9' 'cuda-python>=12.9,<13' --extra-index-url {NVIDIA_INDEX}"
PADDLE = f"pip uninstall -y paddlepaddle && pip install 'paddlepaddle-gpu==3.0.0' --extra-index-url {PADDLE_INDEX}"
# Both builds write into one folder, so what is left after one of them goes is neither.
ONNX_RUNTIME = (
    "pip uninstall -y onnxruntime onnxruntime-gpu && pip install --no-cache-dir 'onnxruntime-gpu[cuda,cudnn]==1.23.2'"
)

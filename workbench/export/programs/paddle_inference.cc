// Runs model/model.pdmodel with Paddle Inference: `network MODEL_FOLDER INPUTS OUTPUTS THREADS [int8|bf16]`; folders of tensors as tensors.h
// says. Set FLAGS_enable_pir_api=0: the program is in Paddle's older format.
#include <iostream>

#include "paddle_inference_api.h"
#include "tensors.h"

namespace {

template <typename Value>
void feed(paddle_infer::Tensor& handle, const Tensor& tensor) {
  handle.CopyFromCpu(reinterpret_cast<const Value*>(tensor.bytes.data()));
}

template <typename Value>
Tensor fetch(paddle_infer::Tensor& handle, const std::string& type) {
  const auto shape = handle.shape();
  Tensor tensor{type, {shape.begin(), shape.end()}, {}};
  tensor.bytes.resize(count(tensor.shape) * sizeof(Value));
  handle.CopyToCpu(reinterpret_cast<Value*>(tensor.bytes.data()));
  return tensor;
}

void set_input(paddle_infer::Tensor& handle, const Tensor& tensor) {
  handle.Reshape({tensor.shape.begin(), tensor.shape.end()});
  if (tensor.type == "float32") return feed<float>(handle, tensor);
  if (tensor.type == "int64") return feed<int64_t>(handle, tensor);
  if (tensor.type == "int32") return feed<int32_t>(handle, tensor);
  throw std::runtime_error("inputs of type " + tensor.type + " are not known here");
}

Tensor get_output(paddle_infer::Tensor& handle) {
  switch (handle.type()) {
    case paddle_infer::DataType::FLOAT32: return fetch<float>(handle, "float32");
    case paddle_infer::DataType::INT64: return fetch<int64_t>(handle, "int64");
    case paddle_infer::DataType::INT32: return fetch<int32_t>(handle, "int32");
    default: throw std::runtime_error("an output has a type that is not known here");
  }
}

void run(const std::filesystem::path& model, const std::filesystem::path& inputs, const std::filesystem::path& outputs, int threads,
         const std::string& precision) {
  paddle_infer::Config config((model / "model.pdmodel").string(), (model / "model.pdiparams").string());
  config.DisableGpu();
  config.SetCpuMathLibraryNumThreads(threads);
  config.EnableMKLDNN();
  config.SwitchIrOptim(true);  // without it Paddle computes INT8 models in FP32
  config.EnableMemoryOptim();
  if (precision == "int8") config.EnableMkldnnInt8();
  if (precision == "bf16") config.EnableMkldnnBfloat16();
  const auto predictor = paddle_infer::CreatePredictor(config);

  size_t number = 0;
  for (const auto& name : predictor->GetInputNames()) set_input(*predictor->GetInputHandle(name), read_tensor(inputs, number++));
  if (!predictor->Run()) throw std::runtime_error("the network did not run");
  number = 0;
  for (const auto& name : predictor->GetOutputNames()) write_tensor(outputs, number++, get_output(*predictor->GetOutputHandle(name)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) {
    std::cerr << "usage: network MODEL_FOLDER INPUTS OUTPUTS THREADS [int8|bf16]\n";
    return 2;
  }
  try {
    run(argv[1], argv[2], argv[3], std::stoi(argv[4]), argc == 6 ? argv[5] : "fp32");
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}

// Runs model/model.onnx with ONNX Runtime: `network MODEL_FOLDER INPUTS OUTPUTS THREADS`; folders of tensors as tensors.h says.
#include <onnxruntime_cxx_api.h>

#include <iostream>

#include "tensors.h"

namespace {

const std::map<std::string, ONNXTensorElementDataType> kTypes = {
    {"float32", ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT}, {"float64", ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE},
    {"int32", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32},   {"int64", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},
    {"uint8", ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8},   {"int8", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8},
    {"bool", ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL}};

std::string name_of(ONNXTensorElementDataType type) {
  for (const auto& [name, known] : kTypes)
    if (known == type) return name;
  throw std::runtime_error("an output has a type that is not known here");
}

void run(const std::filesystem::path& model, const std::filesystem::path& inputs, const std::filesystem::path& outputs, int threads) {
  Ort::Env environment(ORT_LOGGING_LEVEL_ERROR, "network");
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(threads);
  options.SetInterOpNumThreads(1);
  Ort::Session session(environment, (model / "model.onnx").c_str(), options);

  Ort::AllocatorWithDefaultOptions allocator;
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  std::vector<Ort::AllocatedStringPtr> held;
  std::vector<const char*> input_names, output_names;
  std::vector<Tensor> tensors;
  std::vector<Ort::Value> values;
  for (size_t number = 0; number < session.GetInputCount(); ++number) {
    held.push_back(session.GetInputNameAllocated(number, allocator));
    input_names.push_back(held.back().get());
    tensors.push_back(read_tensor(inputs, number));
  }
  for (Tensor& tensor : tensors)
    values.push_back(Ort::Value::CreateTensor(memory, tensor.bytes.data(), tensor.bytes.size(), tensor.shape.data(),
                                              tensor.shape.size(), kTypes.at(tensor.type)));
  for (size_t number = 0; number < session.GetOutputCount(); ++number) {
    held.push_back(session.GetOutputNameAllocated(number, allocator));
    output_names.push_back(held.back().get());
  }

  auto found = session.Run(Ort::RunOptions{nullptr}, input_names.data(), values.data(), values.size(), output_names.data(),
                           output_names.size());
  for (size_t number = 0; number < found.size(); ++number) {
    const auto facts = found[number].GetTensorTypeAndShapeInfo();
    Tensor tensor{name_of(facts.GetElementType()), facts.GetShape(), {}};
    const char* bytes = static_cast<const char*>(found[number].GetTensorRawData());
    tensor.bytes.assign(bytes, bytes + count(tensor.shape) * item_size(tensor.type));
    write_tensor(outputs, number, tensor);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: network MODEL_FOLDER INPUTS OUTPUTS THREADS\n";
    return 2;
  }
  try {
    run(argv[1], argv[2], argv[3], std::stoi(argv[4]));
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}

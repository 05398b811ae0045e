// Tensors in a folder: <number>.bin holds the values as they lie in memory, <number>.txt the type and the shape, "float32 1 3 224 224".
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

struct Tensor {
  std::string type;
  std::vector<int64_t> shape;
  std::vector<char> bytes;
};

inline size_t item_size(const std::string& type) {
  static const std::map<std::string, size_t> sizes = {
      {"float32", 4}, {"int32", 4}, {"int64", 8}, {"uint8", 1}, {"int8", 1}, {"bool", 1}, {"float64", 8}};
  const auto found = sizes.find(type);
  if (found == sizes.end()) throw std::runtime_error("tensors of type " + type + " are not known here");
  return found->second;
}

inline size_t count(const std::vector<int64_t>& shape) {
  size_t number = 1;
  for (const int64_t axis : shape) number *= static_cast<size_t>(axis);
  return number;
}

inline Tensor read_tensor(const std::filesystem::path& folder, size_t number) {
  const auto stem = folder / std::to_string(number);
  std::ifstream description(stem.string() + ".txt");
  std::ifstream values(stem.string() + ".bin", std::ios::binary);
  if (!description || !values) throw std::runtime_error("cannot read " + stem.string() + ".txt and .bin");
  Tensor tensor;
  description >> tensor.type;
  for (int64_t axis; description >> axis;) tensor.shape.push_back(axis);
  tensor.bytes.resize(count(tensor.shape) * item_size(tensor.type));
  if (!values.read(tensor.bytes.data(), static_cast<std::streamsize>(tensor.bytes.size())))
    throw std::runtime_error(stem.string() + ".bin is shorter than its shape says");
  return tensor;
}

inline void write_tensor(const std::filesystem::path& folder, size_t number, const Tensor& tensor) {
  std::filesystem::create_directories(folder);
  const auto stem = folder / std::to_string(number);
  std::ofstream description(stem.string() + ".txt");
  description << tensor.type;
  for (const int64_t axis : tensor.shape) description << ' ' << axis;
  std::ofstream values(stem.string() + ".bin", std::ios::binary);
  values.write(tensor.bytes.data(), static_cast<std::streamsize>(tensor.bytes.size()));
  if (!description || !values) throw std::runtime_error("cannot write " + stem.string());
}

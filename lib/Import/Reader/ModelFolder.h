//===- ModelFolder.h - a model that comes as a folder ----------------*- C++ -*-===//
// Exporters also write a model as two graphs over one set of weights: one for prompts, one for single tokens with a
// cache.
#pragma once
#include "absl/status/statusor.h"
#include "lib/Import/Reader/Model.h"
#include <string>

namespace janus::onnx {

struct ModelFiles {
  std::string model;  // path of the graph to compile; of a pair, the prompts'
  std::string decode; // of a pair, the other graph; else empty
};

/// `path` itself when it is no folder. Of a folder: prefill.onnx with decode.onnx, or decoder_model.onnx with
/// decoder_with_past_model.onnx; else its only .onnx file, or model.onnx. An error names the files that are there.
absl::StatusOr<ModelFiles> findModel(const std::string &path);

/// An error when a matrix of `decode` is none of `model`'s: the two are not one model. Matrices of at least 1 KiB of
/// floating-point numbers are compared by size and by samples of their bytes, so that large files are not read.
absl::Status checkSameWeights(const Model &model, const Model &decode);

} // namespace janus::onnx

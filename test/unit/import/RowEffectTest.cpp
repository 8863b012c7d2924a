#include "dialects/onnx/IR/OnnxOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

namespace janus::onnx {
namespace {

/// The only onnx operator of a function, by text.
struct RowEffectTest : ::testing::Test {
  RowEffectTest() { context.loadDialect<OnnxDialect, mlir::func::FuncDialect>(); }
  /// Leading result dimensions that carry the rows [0,t) of an operand.
  std::optional<unsigned> rows(const std::string &arguments, const std::string &op, unsigned operand, unsigned t,
                               unsigned result = 0) {
    module =
        mlir::parseSourceString<mlir::ModuleOp>("func.func @f(" + arguments + ") { " + op + "\n return }", &context);
    EXPECT_TRUE(module);
    std::optional<unsigned> carried;
    module->walk([&](ShapeInterface shape) { carried = carryRows(shape.getRowEffect(operand, result), t); });
    return carried;
  }
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};
const std::string kX = "tensor<?x?x64xf32, #onnx.dims<\"B\", \"S\", 64>>",
                  kFlat = "tensor<?x64xf32, #onnx.dims<\"B*S\", 64>>";

TEST_F(RowEffectTest, ElementwiseCarriesEveryDimension) {
  EXPECT_EQ(rows("%x: " + kX, "%y = onnx.Exp(%x) : (" + kX + ") -> " + kX, 0, 2), 2u);
}
TEST_F(RowEffectTest, BroadcastOperandCarriesNoRows) {
  EXPECT_EQ(
      rows("%x: " + kX + ", %b: tensor<64xf32>", "%y = onnx.Add(%x, %b) : (" + kX + ", tensor<64xf32>) -> " + kX, 1, 1),
      std::nullopt);
}
TEST_F(RowEffectTest, MatMulMixesTheInnerDimension) {
  std::string op = "%y = onnx.MatMul(%x, %w) : (" + kX + ", tensor<64x64xf32>) -> " + kX;
  EXPECT_EQ(rows("%x: " + kX + ", %w: tensor<64x64xf32>", op, 0, 2), 2u);
  EXPECT_EQ(rows("%x: " + kX + ", %w: tensor<64x64xf32>", op, 0, 3), std::nullopt);
}
TEST_F(RowEffectTest, ReshapeMergesRows) {
  EXPECT_EQ(rows("%x: " + kX + ", %s: tensor<2xi64>",
                 "%y = onnx.Reshape(%x, %s) : (" + kX + ", tensor<2xi64>) -> " + kFlat, 0, 2),
            1u);
}
TEST_F(RowEffectTest, SoftmaxAlongRowsMixesThem) {
  EXPECT_EQ(rows("%x: " + kX, "%y = onnx.Softmax(%x) {axis = 1 : i64} : (" + kX + ") -> " + kX, 0, 2), std::nullopt);
  EXPECT_EQ(rows("%x: " + kX, "%y = onnx.Softmax(%x) {axis = -1 : i64} : (" + kX + ") -> " + kX, 0, 2), 2u);
}
TEST_F(RowEffectTest, TransposedRowsAreNotLeading) {
  std::string out = "tensor<?x?x64xf32, #onnx.dims<\"S\", \"B\", 64>>";
  EXPECT_EQ(rows("%x: " + kX, "%y = onnx.Transpose(%x) {perm = array<i64: 1, 0, 2>} : (" + kX + ") -> " + out, 0, 2),
            std::nullopt);
}
TEST_F(RowEffectTest, AttentionMixesPositionsButNotSequences) {
  std::string args = "%q: " + kX + ", %k: " + kX + ", %s: tensor<?xi32, #onnx.dims<\"B\">>, %t: tensor<i32>";
  std::string op = "%y = onnx.GroupQueryAttention(%q, %k, %k, none, none, %s, %t) {num_heads = 4 : i64, kv_num_heads = "
                   "4 : i64} : (" +
                   kX + ", " + kX + ", " + kX + ", tensor<?xi32, #onnx.dims<\"B\">>, tensor<i32>) -> (" + kX + ")";
  EXPECT_EQ(rows(args, op, 0, 1), 1u);
  EXPECT_EQ(rows(args, op, 0, 2), std::nullopt);
  EXPECT_EQ(rows(args, op, 1, 2), std::nullopt);
}
TEST_F(RowEffectTest, MoEReadsFlattenedRouterRows) {
  std::string args =
      "%x: " + kX + ", %r: tensor<?x8xf32, #onnx.dims<\"B*S\", 8>>, %w: tensor<8x32x64xf32>, %v: tensor<8x64x32xf32>";
  std::string op = "%y = onnx.MoE(%x, %r, %w, none, %v) : (" + kX +
                   ", tensor<?x8xf32, #onnx.dims<\"B*S\", 8>>, tensor<8x32x64xf32>, tensor<8x64x32xf32>) -> " + kX;
  EXPECT_EQ(rows(args, op, 0, 2), 2u);
  EXPECT_EQ(rows(args, op, 1, 1), 2u);
  EXPECT_EQ(rows(args, op, 2, 1), std::nullopt);
}
TEST_F(RowEffectTest, GatherOfATableCarriesTheIndices) {
  std::string ids = "tensor<?x?xi64, #onnx.dims<\"B\", \"S\">>";
  std::string op = "%y = onnx.Gather(%w, %i) {axis = 0 : i64} : (tensor<256x64xf32>, " + ids + ") -> " + kX;
  EXPECT_EQ(rows("%w: tensor<256x64xf32>, %i: " + ids, op, 1, 2), 2u);
}
} // namespace
} // namespace janus::onnx

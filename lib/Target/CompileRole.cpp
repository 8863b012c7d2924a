#include "janus/Target/Passes.h"
#include "lib/Target/RoleCode.h"

#include "absl/strings/str_cat.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <mutex>

namespace janus {
namespace {

constexpr const char *kTriple = "x86_64-unknown-linux-gnu";
/// Cleans up what the generator repeats. Nothing here makes calls of library functions out of loops.
constexpr const char *kPasses =
    "function(sroa,early-cse,instcombine<no-verify-fixpoint>,simplifycfg,loop-mssa(licm),gvn,"
    "instcombine<no-verify-fixpoint>,simplifycfg,adce)";

absl::StatusOr<std::unique_ptr<llvm::TargetMachine>> createTarget(const std::string &cpu) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
  std::string error;
  llvm::Triple triple(kTriple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return absl::InternalError(absl::StrCat("this LLVM has no code generator for ", kTriple, ": ", error));
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict; // contraction off: FMA only where the IR has it
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, cpu, "", options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
  if (!machine)
    return absl::InternalError(absl::StrCat("no code generator for ", cpu));
  return machine;
}

llvm::Constant *text(llvm::Module &module, const std::string &value) {
  llvm::Constant *data = llvm::ConstantDataArray::getString(module.getContext(), value);
  auto *global = new llvm::GlobalVariable(module, data->getType(), /*isConstant=*/true,
                                          llvm::GlobalValue::PrivateLinkage, data, "text");
  global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
  return global;
}

llvm::Constant *structure(llvm::Module &module, llvm::ArrayRef<llvm::Constant *> fields) {
  return llvm::ConstantStruct::getAnon(module.getContext(), fields);
}

/// Defines `janus_program` (include/janus/ABI/Program.h) and hides everything else.
absl::Status addDescriptor(llvm::Module &module, const RoleRequest &request) {
  llvm::LLVMContext &context = module.getContext();
  auto i32 = [&](uint32_t value) { return llvm::ConstantInt::get(llvm::Type::getInt32Ty(context), value); };
  auto i64 = [&](uint64_t value) { return llvm::ConstantInt::get(llvm::Type::getInt64Ty(context), value); };
  std::vector<llvm::Constant *> rows;
  for (const FragmentDesc &fragment : request.fragments) {
    llvm::Function *run = module.getFunction(fragment.name), *size = module.getFunction(fragment.name + ".workspace");
    if (!run || !size)
      return absl::InternalError(absl::StrCat("fragment ", fragment.name, " has no code"));
    rows.push_back(
        structure(module, {text(module, fragment.name), run, size, i32(fragment.operands), i32(fragment.weights)}));
  }
  for (llvm::Function &function : module)
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
  for (llvm::GlobalVariable &global : module.globals())
    if (global.hasExternalLinkage())
      global.setLinkage(llvm::GlobalValue::InternalLinkage);
  llvm::Type *row = structure(module, {i64(0), i64(0), i64(0), i64(0)})->getType();
  if (!rows.empty())
    row = rows[0]->getType();
  llvm::Constant *table = llvm::ConstantArray::get(llvm::ArrayType::get(row, rows.size()), rows);
  auto *fragments =
      new llvm::GlobalVariable(module, table->getType(), true, llvm::GlobalValue::InternalLinkage, table, "fragments");
  llvm::Constant *program =
      structure(module, {i32(abi::kProgramMagic), i32(abi::kProgramAbiVersion), i32(sizeof(abi::Program)),
                         i32(abi::kKernelAbiVersion), i64(request.hash), text(module, request.target), i32(rows.size()),
                         i32(0), fragments});
  new llvm::GlobalVariable(module, program->getType(), true, llvm::GlobalValue::ExternalLinkage, program,
                           "janus_program");
  return absl::OkStatus();
}

void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  llvm::ModulePassManager passes;
  llvm::cantFail(builder.parsePassPipeline(passes, kPasses));
  passes.run(module, modules);
}

} // namespace

absl::StatusOr<std::string> compileRole(mlir::ModuleOp module, const RoleRequest &request) {
  mlir::OwningOpRef<mlir::ModuleOp> code(module.clone());
  mlir::PassManager manager(module.getContext());
  SelectRolePassOptions options;
  options.role = request.role;
  options.cpu = request.target;
  manager.addPass(createSelectRolePass(options));
  if (failed(manager.run(*code)))
    return absl::InternalError(absl::StrCat("selecting the code of role ", request.role, " failed"));

  mlir::DialectRegistry registry;
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  module.getContext()->appendDialectRegistry(registry);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated = mlir::translateModuleToLLVMIR(*code, context, request.role);
  if (!translated)
    return absl::InternalError(absl::StrCat("translating role ", request.role, " to LLVM IR failed"));

  absl::StatusOr<std::unique_ptr<llvm::TargetMachine>> machine = createTarget(request.target);
  if (!machine.ok())
    return machine.status();
  translated->setTargetTriple((*machine)->getTargetTriple());
  translated->setDataLayout((*machine)->createDataLayout());
  translated->setPICLevel(llvm::PICLevel::BigPIC);
  if (absl::Status status = addDescriptor(*translated, request); !status.ok())
    return status;
  optimize(*translated, **machine);

  llvm::SmallString<0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager emitter;
  if ((*machine)->addPassesToEmitFile(emitter, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return absl::InternalError(absl::StrCat("this LLVM cannot write object files for ", request.target));
  emitter.run(*translated);
  return std::string(object.str());
}

} // namespace janus

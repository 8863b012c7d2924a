# How lit runs the tests of dialects and passes. Values of `config.janus_*` come from lit.site.cfg.py.
#   %models  models/ of the repository        %python  a Python 3 (standard library only)
#   %onnx    writes a small .onnx from a text description (make_onnx.py beside this file)
import os

import lit.formats

config.name = "janus"
config.test_format = lit.formats.ShTest(True)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.janus_build_dir, "test", "lit")
tools = [os.path.join(config.janus_build_dir, "tools", t) for t in ("janus-opt", "janus-compile", "janus-run")]
config.environment["PATH"] = os.pathsep.join(tools + [config.llvm_tools_dir, os.environ.get("PATH", "")])
config.substitutions.append(("%source_root", config.janus_source_dir))
config.substitutions.append(("%models", os.path.join(config.janus_source_dir, "models")))
config.substitutions.append(("%onnx", f"{config.python} {os.path.join(config.test_source_root, 'make_onnx.py')}"))
config.substitutions.append(("%python", config.python))
# FileCheck prints the input around a mismatch only; ctest bounds the time of a folder.
config.environment["FILECHECK_OPTS"] = "--dump-input-filter=error"

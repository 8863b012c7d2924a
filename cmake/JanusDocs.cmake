# The reference of every dialect and pass, generated from the .td files into build/docs (`ninja janus-docs` alone makes it).
set(JANUS_DOCS_DIR ${CMAKE_BINARY_DIR}/docs)
set(JANUS_DOCS)

# janus_doc(NAME TD FLAG...): NAME.md from one td.
function(janus_doc name td)
  set(output ${JANUS_DOCS_DIR}/${name}.md)
  file(GLOB_RECURSE tds CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/dialects/*.td)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${JANUS_DOCS_DIR}
    COMMAND $<TARGET_FILE:mlir-tblgen> ${ARGN} ${LLVM_TABLEGEN_FLAGS} -I${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/${td} -o ${output}
    DEPENDS ${CMAKE_SOURCE_DIR}/${td} ${tds}
    COMMENT "Generating docs/${name}.md" VERBATIM)
  set(JANUS_DOCS ${JANUS_DOCS} ${output} PARENT_SCOPE)
endfunction()

janus_doc(dialect-onnx dialects/onnx/IR/OnnxOps.td -gen-dialect-doc -dialect=onnx)
janus_doc(dialect-moe dialects/moe/IR/MoEOps.td -gen-dialect-doc -dialect=moe)
janus_doc(dialect-janus dialects/janus/IR/JanusOps.td -gen-dialect-doc -dialect=janus)
foreach(stage Import Recover Partition Communication Schedule Lowering Target)
  if(EXISTS ${CMAKE_SOURCE_DIR}/include/janus/${stage}/Passes.td)
    string(TOLOWER ${stage} lower)
    janus_doc(passes-${lower} include/janus/${stage}/Passes.td -gen-pass-doc)
  endif()
endforeach()
add_custom_target(janus-docs ALL DEPENDS ${JANUS_DOCS})

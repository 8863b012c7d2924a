# JANUS_CUDA: nvcc was found and compiles for sm_80 and sm_90 with the C++ compiler as its host compiler. With
# JANUS_ENABLE_CUDA=AUTO sanitized builds go without.
set(JANUS_CUDA OFF)
find_program(JANUS_NVCC nvcc HINTS ENV CUDA_PATH ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
set(JANUS_NVCC_FLAGS -ccbin ${CMAKE_CXX_COMPILER} -std=c++20 -gencode arch=compute_80,code=sm_80
    -gencode "arch=compute_90,code=[sm_90,compute_90]")
if(JANUS_NVCC AND NOT DEFINED CUDA_PROBE_RESULT)
  file(WRITE ${CMAKE_BINARY_DIR}/CMakeFiles/probe.cu "#include <string>\n__global__ void f() {}\n")
  execute_process(COMMAND ${JANUS_NVCC} ${JANUS_NVCC_FLAGS} -c ${CMAKE_BINARY_DIR}/CMakeFiles/probe.cu -o ${CMAKE_BINARY_DIR}/CMakeFiles/probe.o
                  RESULT_VARIABLE result OUTPUT_QUIET ERROR_VARIABLE error)
  if(NOT result EQUAL 0)
    message(STATUS "${JANUS_NVCC} does not compile C++20 for sm_80 and sm_90 with ${CMAKE_CXX_COMPILER}: ${error}")
  endif()
  set(CUDA_PROBE_RESULT ${result} CACHE INTERNAL "0: nvcc compiles")
endif()
if(JANUS_NVCC AND CUDA_PROBE_RESULT EQUAL 0)
  set(works ON)
else()
  set(works OFF)
endif()
if(JANUS_ENABLE_CUDA STREQUAL "AUTO")
  if(works AND NOT JANUS_SANITIZE)
    set(JANUS_CUDA ON)
  endif()
elseif(JANUS_ENABLE_CUDA)
  if(NOT works)
    message(FATAL_ERROR "JANUS_ENABLE_CUDA=${JANUS_ENABLE_CUDA}: found no nvcc that works; expected it in PATH, in $CUDA_PATH/bin or in "
                        "/usr/local/cuda/bin, with C++20, sm_80 and sm_90")
  endif()
  set(JANUS_CUDA ON)
endif()
message(STATUS "CUDA: ${JANUS_CUDA}")

# janus_cuda_library(NAME SOURCES a.cu ... DEPS lib ...): code for sm_80 and sm_90. By custom commands: the language CUDA of
# CMake would pass it every option of the C++ compiler.
function(janus_cuda_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  set(objects)
  foreach(source IN LISTS ARG_SOURCES)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${source}.o)
    add_custom_command(OUTPUT ${object}
      COMMAND ${JANUS_NVCC} ${JANUS_NVCC_FLAGS} -O3 -Xcompiler=-fPIC,-Wall,-Wextra -Werror all-warnings -I${CMAKE_SOURCE_DIR}
              -I${CMAKE_SOURCE_DIR}/include -MD -MF ${object}.d -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d COMMENT "Building CUDA object ${source}" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  get_filename_component(nvcc ${JANUS_NVCC} REALPATH)
  get_filename_component(root ${nvcc}/../.. ABSOLUTE)
  find_library(JANUS_CUDART cudart_static HINTS ${root}/lib64 ${root}/targets/x86_64-linux/lib REQUIRED)
  add_library(${name} STATIC ${objects})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_include_directories(${name} SYSTEM PUBLIC ${root}/include)
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} ${JANUS_CUDART} Threads::Threads ${CMAKE_DL_LIBS} rt)
endfunction()

// Source file of the precompiled header target; see JanusMLIR.cmake.

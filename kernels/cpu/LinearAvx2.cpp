#include "kernels/cpu/Linear.inc"

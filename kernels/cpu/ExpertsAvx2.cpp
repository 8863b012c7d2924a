#include "kernels/cpu/Experts.inc"

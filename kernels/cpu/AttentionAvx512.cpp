#include "kernels/cpu/Attention.inc"

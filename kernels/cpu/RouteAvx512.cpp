#include "kernels/cpu/Route.inc"

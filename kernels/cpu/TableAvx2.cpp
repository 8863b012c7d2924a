#define JANUS_TABLE_NAME "avx2"
#include "kernels/cpu/Table.inc"

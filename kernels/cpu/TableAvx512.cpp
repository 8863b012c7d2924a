#define JANUS_TABLE_NAME "avx512"
#include "kernels/cpu/Table.inc"

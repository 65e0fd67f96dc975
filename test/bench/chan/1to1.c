/* 1to1.c: libchan in the benchmark, the flavour for one sender and one receiver. */
#define ONE_TO_ONE true
#include "many.c"

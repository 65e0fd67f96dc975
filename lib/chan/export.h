/*
 * export.h - what the library shows: included before everything else where libchan.a and libchan.so
 * are built, which hide all names otherwise. So chan.h needs no marks, and a name that it does not
 * declare cannot be exported by accident.
 */
#ifndef CHANI_EXPORT_H
#define CHANI_EXPORT_H

#pragma GCC visibility push(default)
#include "chan.h"
#pragma GCC visibility pop

#endif

/*
 * side.h - the two sides of a channel.
 */
#ifndef CHANI_SIDE_H
#define CHANI_SIDE_H

enum chani_side { CHANI_SENDING, CHANI_RECEIVING };

#endif

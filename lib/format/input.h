#include "../data/input.h"

# The public headers of libchan: what compiles, in C and in C++, and what must not.
load helper

# compiles COMPILER OPTION ...: the program on standard input, against the headers alone.
compiles() {
    command -v "$1" >/dev/null || skip "no $1"
    "$@" -Wall -Wextra -Wpedantic -Werror -Wno-unused-parameter -I"$ROOT/lib/chan" -fsyntax-only -
}

users() {
    cat <<'END'
#include "chan_typed.h"
struct job { int number; };
CHAN_TYPED(job_chan, struct job);
CHAN_TYPED(int_chan, int);
CHAN_TYPED_PTR(owned_chan, struct job);
enum chan_status work(struct job_chan_tx tx, struct job_chan_rx rx, struct owned_chan_tx owned);
enum chan_status work(struct job_chan_tx tx, struct job_chan_rx rx, struct owned_chan_tx owned)
{
    struct job job = {0};
    struct job *pointer = &job;
    int number = 0;
    (void)number;
END
    printf '    return %s;\n}\n' "$1"
}

right='job_chan_recv(rx, &job) == CHAN_OK ? owned_chan_send(owned, &pointer) : job_chan_send(tx, &job)'
wrong=('job_chan_send(tx, &number)' 'job_chan_recv(rx, &number)' 'job_chan_send(rx, &job)'
    'int_chan_send(tx, &number)' 'owned_chan_send(owned, &job)' 'owned_chan_send(owned, pointer)'
    'job_chan_recv_many(rx, &pointer, 1, 0)')

@test "chan.h in C17, C11 and C99" {
    for std in c17 c11 c99; do
        echo '#include "chan.h"' | compiles "${CC:-cc}" -x c -std=$std
    done
}

@test "chan.h and chan_typed.h in C++" {
    for std in c++11 c++17 c++20; do
        users "$right" | compiles "${CXX:-g++}" -x c++ -std=$std
    done
}

@test "typed channels in C" {
    users "$right" | compiles "${CC:-cc}" -x c -std=c99 -Wstrict-prototypes
}

@test "values and handles of another type are refused" {
    for call in "${wrong[@]}"; do
        ! users "$call" | compiles "${CC:-cc}" -x c -std=c17 2>/dev/null || fail "C takes $call"
        ! users "$call" | compiles "${CXX:-g++}" -x c++ -std=c++17 2>/dev/null || fail "C++ takes $call"
    done
}

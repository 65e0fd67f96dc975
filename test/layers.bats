# The structure of the sources: who includes whom, where anything is printed, how long functions are.
load helper

rank() {
    case $1 in
    lib/base/* | lib/chan/*) rank=1 ;; lib/data/* | lib/io/*) rank=2 ;; lib/format/*) rank=3 ;;
    lib/agg/* | lib/expr/*) rank=4 ;; lib/plan/* | lib/stage.h) rank=5 ;; lib/run/*) rank=6 ;;
    stages/*) rank=7 ;; cmd/*) rank=8 ;; *) rank=0 ;;
    esac
}

@test "every layer includes only those below it" {
    cd "$ROOT"
    grep -nH '^#include "' lib/*.h lib/*/*.[ch] stages/*.[ch] cmd/*.[ch] | sed 's/#include "\(.*\)".*/\1/' >"$BATS_TEST_TMPDIR/all"
    bad=$(while IFS=: read -r file line name; do
        target=${file%/*}/$name
        while [[ $target =~ ^(.*/)?[^/]+/\.\./(.*)$ ]]; do target=${BASH_REMATCH[1]}${BASH_REMATCH[2]}; done
        rank "$target" && to=$rank && rank "$file"
        [ "$to" -gt 0 ] && [ "$to" -le "$rank" ] || echo "$file:$line includes $target"
    done <"$BATS_TEST_TMPDIR/all")
    [ -z "$bad" ] || fail "$bad"
}

@test "libchan includes nothing of the rest" {
    cd "$ROOT"
    ! grep -n '#include "\.\./' lib/chan/*.[ch]
}

@test "only cmd prints and exits" {
    cd "$ROOT"
    ! sed -E 's/"([^"\\]|\\.)*"//g; s/^\s*(\/?\*).*//' lib/{agg,data,format,expr,io,plan,run}/*.c \
        lib/base/{arena,err,moment,number,scan}.c stages/*.c |
        grep -nE '\b(printf|puts|putchar|perror|exit|abort)\('
}

@test "no function is longer than 60 lines" {
    cd "$ROOT"
    long=$(awk 'FNR == 1 { s = 0 } /^\{/ { s = FNR } /^\}/ { if (s && FNR - s > 60) printf "%s:%d: %d lines\n", FILENAME, s, FNR - s; s = 0 }' \
        lib/*/*.c stages/*.c cmd/*.c)
    [ -z "$long" ] || fail "$long"
}

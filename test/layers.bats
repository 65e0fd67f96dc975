# The structure of the sources: who includes whom, where anything is printed, how long functions are.
load helper

rank() {
    case $1 in
    lib/base/*) echo 1 ;; lib/chan/*) echo 1 ;; lib/data/*) echo 2 ;; lib/format/*) echo 3 ;; lib/expr/*) echo 4 ;;
    lib/io/*) echo 2 ;; lib/agg/*) echo 4 ;; lib/plan/* | lib/stage.h) echo 5 ;; lib/run/*) echo 6 ;; stages/*) echo 7 ;; cmd/*) echo 8 ;;
    *) echo 0 ;;
    esac
}

@test "every layer includes only those below it" {
    cd "$ROOT"
    bad=$(grep -nH '^#include "' lib/*.h lib/*/*.[ch] stages/*.[ch] cmd/*.[ch] | while IFS=: read -r file line text; do
        target=$(realpath --relative-to=. "$(dirname "$file")/$(sed 's/.*"\(.*\)".*/\1/' <<<"$text")")
        [ "$(rank "$target")" -le "$(rank "$file")" ] || echo "$file:$line includes $target"
    done)
    [ -z "$bad" ] || fail "$bad"
}

@test "libchan includes nothing of the rest" {
    cd "$ROOT"
    ! grep -n '#include "\.\./' lib/chan/*.[ch]
}

@test "only cmd prints and exits" {
    cd "$ROOT"
    ! grep -nE '\b(printf|puts|perror|exit|abort)\(' lib/{base,data,format,expr,io,plan,run}/*.c stages/*.c |
        grep -vE 'snprintf|vsnprintf|cp_[a-z_]*printf|lib/base/(alloc|diag_print)\.c|^\S+:\s*(\*|/\*)'
}

@test "no function is longer than 60 lines" {
    cd "$ROOT"
    long=$(awk 'FNR == 1 { s = 0 } /^\{/ { s = FNR } /^\}/ { if (s && FNR - s > 60) printf "%s:%d: %d lines\n", FILENAME, s, FNR - s; s = 0 }' \
        lib/*/*.c stages/*.c cmd/*.c)
    [ -z "$long" ] || fail "$long"
}

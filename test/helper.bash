# helper.bash: what every suite loads. Each test runs in a folder of its own, in the C locale, with a time limit.
bats_load_library bats-support
bats_load_library bats-assert

ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
SAMPLES=$ROOT/test/samples
: "${CHANPIPE:=$ROOT/build/chanpipe}"
: "${LIMIT:=20}"
unset NO_COLOR XDG_CONFIG_HOME CHANPIPE_TEST_CAPACITY CHANPIPE_TEST_NOW
export LC_ALL=C TZ=UTC TERM=dumb CHANPIPE SAMPLES ROOT LIMIT

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# chanpipe with a time limit; a hang is status 124.
chanpipe() {
    timeout -k 2 "$LIMIT" "$CHANPIPE" "$@"
}
export -f chanpipe

# cp_run ARGS…: runs chanpipe; $output is its standard output, $stderr its standard error, $status its status.
cp_run() {
    status=0
    output=$(chanpipe "$@" 2>"$BATS_TEST_TMPDIR/.stderr") || status=$?
    stderr=$(cat "$BATS_TEST_TMPDIR/.stderr")
}

# gives INPUT OUTPUT ARGS…: chanpipe ARGS makes OUTPUT of INPUT, with status 0 and nothing on standard error. Both may
# have escapes as in printf %b; the last newline may be left out of OUTPUT.
gives() {
    local input=$1 expected
    expected=$(printf '%b' "$2")
    shift 2
    cp_run "$@" < <(printf '%b' "$input")
    [ "$status" = 0 ] && [ -z "$stderr" ] && [ "$output" = "$expected" ] || fail "chanpipe $(cut -c1-400 <<<"$*")
expected: $expected
got:      ${output:0:2000}
status $status, standard error: ${stderr:0:2000}"
}

# skips INPUT OUTPUT PATTERN ARGS…: the same, where standard error matches PATTERN.
skips() {
    local input=$1 expected pattern=$3
    expected=$(printf '%b' "$2")
    shift 3
    cp_run "$@" < <(printf '%b' "$input")
    [ "$status" = 0 ] && grep -qE -- "$pattern" <<<"$stderr" && [ "$output" = "$expected" ] || fail "chanpipe $(cut -c1-400 <<<"$*")
expected: $expected
got:      ${output:0:2000}
status $status, standard error: ${stderr:0:2000}
to match: $pattern"
}

# refuses PATTERN ARGS…: chanpipe ARGS ends with status 2, writes nothing, and says PATTERN (lines joined by blanks).
refuses() {
    local pattern=$1
    shift
    cp_run "$@" </dev/null
    [ "$status" = 2 ] && [ -z "$output" ] && grep -qE -- "$pattern" <<<"${stderr//$'\n'/ }" || fail "chanpipe $(cut -c1-400 <<<"$*")
expected: status 2, $pattern
got:      status $status, standard output: ${output:0:400}
standard error: ${stderr:0:2000}"
}

# assert_stderr PATTERN: a regular expression that a line of standard error matches.
assert_stderr() {
    grep -qE -- "$1" <<<"$stderr" || fail "standard error does not match: $1
it is: $stderr"
}

refute_stderr() {
    [ -z "$stderr" ] || fail "standard error is not empty: $stderr"
}

# needs_shared PATH: skips where the shared data is not there.
needs_shared() {
    [ -n "${CHANPIPE_SHARED:-}" ] && [ -e "$CHANPIPE_SHARED/$1" ] || skip "no $1 here"
}

# needs PROGRAM: skips where it is not installed.
needs() {
    command -v "$1" >/dev/null || skip "no $1 here"
}

# Tests that look at memory, system calls or warnings as they are: not with blocks of 61 bytes.
needs_usual_blocks() {
    [ -z "${CHANPIPE_TEST_BLOCK:-}" ] || skip "not with tiny blocks"
}

# is_sanitized: the program carries a sanitizer, which needs memory of its own.
is_sanitized() {
    grep -qE '__(asan|tsan)_init' "$CHANPIPE"
}

# until_stuck PID: until the process has read nothing for a while, and all its threads sleep; $last is what it has read.
until_stuck() {
    local now same=0
    last=0
    while [ $same -lt 50 ]; do
        now=$(awk '/^rchar/ { print $2 }' /proc/$1/io)
        if [ "$now" = "$last" ] && ! grep -q ' R ' /proc/$1/task/*/stat; then same=$((same + 1)); else same=0; fi
        last=$now
    done
}

# helper.bash: what every suite loads. Each test runs in a folder of its own, in the C locale, with a time limit.
bats_load_library bats-support
bats_load_library bats-assert

ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
SAMPLES=$ROOT/test/samples
: "${CHANPIPE:=$ROOT/build/chanpipe}"
: "${LIMIT:=20}"
export LC_ALL=C CHANPIPE SAMPLES ROOT

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# chanpipe with a time limit; a hang is status 124.
chanpipe() {
    timeout -k 2 "$LIMIT" "$CHANPIPE" "$@"
}
export -f chanpipe

# cp ARGS…: runs chanpipe; $output is its standard output, $stderr its standard error, $status its status.
cp_run() {
    status=0
    output=$(chanpipe "$@" 2>"$BATS_TEST_TMPDIR/.stderr") || status=$?
    stderr=$(cat "$BATS_TEST_TMPDIR/.stderr")
}

# assert_stderr PATTERN: a regular expression that standard error matches.
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

# Capacities, what happens when a channel is full, and the account of it all.
# A sink that stands still writes to a FIFO which is open, and which nobody reads until the test says so.
load helper
bats_require_minimum_version 1.5.0

# numbers N: that many records.
numbers() {
    seq 1 "$1" | sed 's/.*/{"n":&}/'
}

# stuck_fifo NAME FD: a FIFO that can be written until it is full. FD reads it.
stuck_fifo() {
    mkfifo "$1"
    eval "exec $2<>$1"
}

# edge NAME: the account of an edge: sent, received, dropped, cut.
edge() {
    jq -r --arg e "$1" 'select(.edge == $e) | "\(.sent) \(.received) \(.dropped) \(.cut)"' acc
}

# balanced: every stage and every edge of the account.
balanced() {
    assert_equal "$(jq -s 'map(select(.stage and .in + .made != .out + .filtered + .dropped + .errored + .taken + .held)) | length' acc)" 0
    assert_equal "$(jq -s 'map(select(.edge and .sent != .received + .dropped + .cut)) | length' acc)" 0
}

# run_stuck LINES PIPELINE [ARGS...]: runs it over in.json with a sink that writes to the FIFO `stuck` and stands still until
# LINES lines have come out at standard output, which are left in `out`. $status, $stderr; what the sink wrote is in `late`.
run_stuck() {
    local lines=$1 p=$2 pid reader
    shift 2
    stuck_fifo stuck 7
    mkfifo stdout
    chanpipe --account acc "$@" "$p" in.json >stdout 2>stderr 7>&- &
    pid=$!
    exec 8<stdout
    head -n "$lines" <&8 >out
    cat stuck >late 7>&- 8>&- &
    reader=$!
    exec 7>&-
    cat <&8 >>out
    exec 8<&-
    status=0
    wait $pid || status=$?
    wait $reader
    stderr=$(cat stderr)
}

@test "capacity: each form carries everything, in order" {
    numbers 30000 >in.json
    for c in 0 1 7 300KiB 4MiB unbounded; do
        cp_run -q "parse json with capacity=$c | filter n > 0 with capacity=$c | tee { set a = n with capacity=$c | unset a ; filter n < 0 } | filter n > 0 with capacity=$c" in.json
        assert_equal "$status" 0
        cmp -s in.json <(printf '%s\n' "$output") || fail "capacity $c"
        CHANPIPE_TEST_BLOCK=61 CHANPIPE_TEST_BATCH=3 cp_run -q -w 3 "parse json with capacity=$c | filter n > 0 with capacity=$c | head 500" in.json
        cmp -s <(head -500 in.json) <(printf '%s\n' "$output") || fail "capacity $c, small batches, 3 workers"
    done
}

@test "capacity: a rendezvous everywhere" {
    numbers 3000 >in.json
    export CHANPIPE_TEST_CAPACITY=0
    for w in 1 2 3; do
        cp_run -w $w 'parse json | route { n % 3 == 0 => set x = n .. "" ; n % 3 == 1 => filter n > 0 ; else => set y = upper("a") | unset y } | keep n' in.json
        cmp -s in.json <(printf '%s\n' "$output") || fail "$w workers"
    done
    gives '{"n":1}\n{"n":2}\n' '{"n":1}' 'parse json | head 1'
    gives '{"n":2}\n{"n":1}\n' '{"n":1}\n{"n":2}' 'parse json | sort n'
    cp_run 'merge { files in.json ; files in.json } | parse json | count' </dev/null
    assert_equal "$output" '{"count":6000}'
}

@test "capacity: a size is as many batches as blocks of so many bytes" {
    cp_run explain 'parse json with capacity=1MiB | filter a with capacity=1KiB | count with capacity=0'
    grep -qE 'stdin +parse +8 batches +wait' <<<"$output"
    grep -qE 'parse +filter +1 batch +wait' <<<"$output"
    grep -qE 'filter +count +0 batches +wait' <<<"$output"
}

@test "capacity: what it cannot be" {
    for c in x -1 1.5 65537 0KiB 1TiB; do
        refuses 'capacity is a number of batches from 0 to 65536' "head with capacity=$c"
    done
    printf '%s\n' 'defaults: {capacity: many}' 'stages: [head: 1]' >p.yaml
    refuses 'p.yaml:1:22: error: capacity is' check p.yaml
}

@test "capacity: unbounded is warned of once, and explain says it" {
    printf '%s\n' 'defaults: {capacity: unbounded}' 'stages: [parse: json, count]' >p.yaml
    cp_run check p.yaml
    assert_equal "$status" 0
    assert_equal "$(grep -c 'memory is not bounded' <<<"$stderr")" 1
    assert_stderr 'p.yaml:1:22: warning: memory is not bounded'
    cp_run explain p.yaml
    grep -qE 'stdin +parse +unbounded +wait' <<<"$output"
    grep -qE 'together +unbounded' <<<"$output"
}

@test "unbounded: the source is read to its end while a sink stands still" {
    numbers 50000 >in.json
    export CHANPIPE_TEST_BATCH=16 CHANPIPE_TEST_BLOCK=1024
    run_stuck 50000 'parse json | tee { file stuck with capacity=unbounded }' -q
    assert_equal "$status" 0
    cmp in.json out
    cmp in.json late
    balanced
}

@test "unbounded: long lines too" {
    for i in 1 2 3 4 5 6 7 8 9; do printf '{"n":%d,"t":"%0300d"}\n' $i 0; done >in.json
    CHANPIPE_TEST_BATCH=1 CHANPIPE_TEST_BLOCK=64 cp_run -q 'parse json with capacity=unbounded | filter n > 0' in.json
    cmp in.json <(printf '%s\n' "$output")
}

@test "when_full: a branch that drops does not stall the others" {
    numbers 50000 >in.json
    export CHANPIPE_TEST_BATCH=16 CHANPIPE_TEST_BLOCK=1024
    for policy in drop_new drop_old; do
        rm -f stuck stdout
        run_stuck 50000 "parse json | tee { file stuck with when_full=$policy capacity=2 }"
        assert_equal "$status" 0
        cmp in.json out
        balanced
        read -r sent received dropped cut <<<"$(edge 'tee -> file')"
        assert_equal "$sent $((received + dropped)) $cut" '50000 50000 0'
        [ "$dropped" -gt 10000 ] || fail "dropped $dropped"
        assert_equal "$(wc -l <late)" "$received"
        assert_stderr "^chanpipe: file: $dropped of 50000 records from tee dropped, since it was too slow"
        sort -c -t: -k2n late
        if [ $policy = drop_new ]; then
            assert_equal "$(head -1 late)" '{"n":1}'
        else
            assert_equal "$(tail -1 late)" '{"n":50000}'
        fi
    done
}

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
    sed -u "${lines}q" <&8 >out # no byte more than these lines
    exec 9<stuck 7>&-
    cat <&9 >late 8<&- &
    reader=$!
    exec 9<&-
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
        sort -c -s -t: -k2n late
        if [ $policy = drop_new ]; then
            assert_equal "$(head -1 late)" '{"n":1}'
        else
            assert_equal "$(tail -1 late)" '{"n":50000}'
        fi
    done
}

@test "when_full: sample keeps every Nth record and waits; marks and order stay" {
    numbers 20000 >in.json
    export CHANPIPE_TEST_BATCH=16 CHANPIPE_TEST_BLOCK=1024
    run_stuck 1 'parse json | tee { file stuck with when_full="sample 4" capacity=1 }' -q
    assert_equal "$status" 0
    cmp in.json out
    balanced
    read -r sent received dropped cut <<<"$(edge 'tee -> file')"
    assert_equal "$sent $cut" '20000 0'
    [ "$dropped" -gt 0 ] && [ "$dropped" -le 15000 ] || fail "dropped $dropped"
    assert_equal "$(wc -l <late)" "$received"
    cp_run -q -w 3 'parse json with when_full="sample 2" capacity=1 | set a = 1 with capacity=1 when_full="sample 2" | unset a' in.json
    assert_equal "$status" 0
    sort -c -s -t: -k2n <<<"$output"
}

@test "when_full: fail ends the pipeline with status 4, also when the sink stands still" {
    numbers 50000 >in.json
    stuck_fifo stuck 7
    export CHANPIPE_TEST_BATCH=16 CHANPIPE_TEST_BLOCK=1024
    cp_run --grace 50ms 'parse json | file stuck with when_full=fail' in.json
    assert_equal "$status" 4
    assert_stderr '^chanpipe: parse: the channel from parse to file is full, and when_full is fail'
    exec 7>&-
    cp_run --account acc 'parse json | tee { file x with when_full=fail capacity=64 }' in.json
    case $status in
    0) cmp in.json x ;;
    4) assert_stderr 'the channel from tee to file is full' ;;
    *) fail "status $status: $stderr" ;;
    esac
    balanced
}

@test "when_full: branches that drop come together again in order, and end" {
    numbers 20000 >in.json
    export CHANPIPE_TEST_BATCH=3 CHANPIPE_TEST_BLOCK=256
    for policy in drop_new drop_old; do
        for c in 0 1 2; do
            [ $policy$c = drop_old0 ] && continue
            set="with when_full=$policy capacity=$c"
            cp_run -q --account acc "parse json | tee { set b = 1 $set | set a = n with workers=3 | unset a ; filter n > 0 ; filter n % 2 == 0 $set | tee { set b = 2 $set ; set b = 3 } }" in.json
            assert_equal "$status" 0
            balanced
            sort -c -s -t: -k2n <<<"${output//,/:}" || fail "$policy $c: order"
            cmp -s in.json <(grep -v b <<<"$output") || fail "$policy $c: the branch that waits lost something"
        done
    done
}

@test "when_full: a join waits for no mark when the input pauses" {
    mkfifo in out
    for policy in drop_new drop_old; do
        CHANPIPE_TEST_BATCH=1 chanpipe -q "parse json | tee { set b = 1 with when_full=$policy capacity=1 ; filter n > 0 }" <in >out &
        exec 7>in 8<out
        numbers 200 >&7
        # Nothing more comes, and the end does not either: all that was not dropped is here.
        while read -r line <&8; do [ "$line" = '{"n":200}' ] && break; done
        exec 7>&-
        cat <&8 >/dev/null
        exec 8<&-
        wait $!
    done
}

@test "when_full: what it cannot be" {
    refuses 'when_full is wait, drop_new, drop_old, sample N or fail' 'head with when_full=drop'
    refuses 'when_full is wait' 'head with when_full=sample'
    refuses 'when_full is wait' 'head with when_full="sample 0"'
    refuses 'with capacity 0 there is no old batch to drop' 'head with when_full=drop_old capacity=0'
    refuses 'when_full of filter needs one worker on both sides of the channel, but filter has 2' 'filter a with workers=2 when_full=drop_old'
    refuses 'when_full of head needs one worker .*, but filter has 2' 'filter a with workers=2 | head with when_full=drop_new'
    gives '{"n":1}\n' '{"n":1}' -w 3 'parse json | filter n > 0 with when_full=drop_new | set n = n'
}

@test "when_full and capacity survive convert" {
    printf '%s\n' 'stages:' '  - filter: a' '    when_full: sample 10' '    capacity: 4MiB' >p.yaml
    cp_run convert --to text p.yaml
    assert_equal "$status" 0
    chanpipe explain -e "$output" | grep -qE 'stdin +filter +32 batches +sample 10'
}

@test "check and explain say which branch can stall which" {
    p='parse json | tee { file a ; file b with when_full=drop_new ; file c with when_full=fail ; file d with capacity=unbounded }'
    cp_run check -e "$p"
    assert_equal "$status" 0
    grep -qE 'tee: file +stalls file2, file3, file4, stdout when it' <<<"$output"
    grep -qE 'tee: file2 +stalls nobody' <<<"$output"
    grep -qE 'tee: file3 +ends the pipeline when it is too slow' <<<"$output"
    grep -qE 'tee: file4 +stalls nobody' <<<"$output"
    cp_run check -q -e "$p"
    assert_equal "$output" ''
    cp_run explain "$p"
    grep -qE 'tee: file2 +stalls nobody' <<<"$output"
    grep -qE 'tee +file2 +4 batches +drop_new' <<<"$output"
    cp_run explain -e head
    grep -q 'none: a slow stage holds up all that is above it' <<<"$output"
}

@test "account: edges of a branched pipeline; a batch that is lost is status 5" {
    numbers 100 >in.json
    cp_run --account acc 'parse json | tee { head 1 | file x ; filter n > 50 }' in.json
    assert_equal "$status" 0
    balanced
    assert_equal "$(jq -r 'select(.edge).edge' acc | head -2)" $'files -> parse\nparse -> tee'
    assert_equal "$(edge 'files -> parse')" '100 100 0 0'
    for w in 1 3; do
        CHANPIPE_TEST_LOSE=1 cp_run -w $w --account acc 'parse json | filter n > 0' in.json
        assert_equal "$status" 5
        assert_stderr 'between files and parse 100 records were sent, 0 are accounted for'
    done
    CHANPIPE_TEST_LOSE=1 cp_run -q 'parse json | tee { filter n > 3 ; filter n < 9 }' in.json
    assert_equal "$status" 5
    CHANPIPE_TEST_LOSE=2 cp_run 'parse json' in.json
    assert_equal "$status" 0
}

@test "account: SIGUSR1 writes that of the moment, and the pipeline goes on" {
    mkfifo in out err
    "$CHANPIPE" -w 2 'parse json | tee { file x ; filter n > 0 }' <in >out 2>err &
    pid=$!
    exec 7>in 8<out 9<err
    printf '{"n":1}\n{"n":2}\n' >&7
    read -r line <&8
    assert_equal "$line" '{"n":1}'
    kill -USR1 $pid
    while read -r line <&9; do
        printf '%s\n' "$line" >>acc
        case $line in *'"edge":"tee -> file"'*) break ;; esac
    done
    assert_equal "$(jq -r 'select(.stage == "stdin").out' acc)" 2
    assert_equal "$(edge 'stdin -> parse')" '2 2 0 0'
    printf '{"n":3}\n' >&7
    exec 7>&-
    assert_equal "$(cat <&8)" $'{"n":2}\n{"n":3}'
    wait $pid
}

# Close, signals, broken outputs, backpressure, memory.
load helper

@test "yes | chanpipe | head -1 ends at once, quietly, by SIGPIPE" {
    run bash -c 'yes "{\"a\":1}" | { "$CHANPIPE" "parse json | filter a == 1" 2>err; echo $? >status; } | head -1'
    assert_output '{"a":1}'
    [ "$(cat status)" = 141 ]
    [ ! -s err ]
}

@test "a full disk is status 4 and a message, with an endless source" {
    run bash -c 'yes "{\"a\":1}" | timeout 10 "$CHANPIPE" "parse json" >/dev/full'
    assert_failure 4
    assert_output --partial 'No space left on device'
    assert_output --partial 'standard output'
}

@test "a closed standard output is status 4" {
    run bash -c 'echo x | "$CHANPIPE" -e head >&-'
    assert_failure 4
    assert_output --partial 'standard output'
}

@test "head ends an idle pipeline: its source waits for more input" {
    for w in 1 3; do # one worker, and several, which read by themselves
        rm -f in out err
        mkfifo in
        exec 7<>in
        echo '{"a":1}' >in
        run timeout 10 "$CHANPIPE" -w $w 'parse json | head 1' in
        exec 7>&-
        assert_success
        assert_output '{"a":1}'
    done
}

@test "a reader that leaves ends an idle pipeline" {
    for w in 1 3; do # one worker, and several, which read by themselves
        rm -f in out err
        mkfifo in out
        exec 7<>in
        timeout 10 "$CHANPIPE" -w $w 'parse json' in >out 2>err &
        pid=$!
        exec 8<out
        echo '{"a":1}' >in
        read -r line <&8
        exec 8<&-
        status=0
        wait $pid || status=$?
        exec 7>&-
        [ "$line" = '{"a":1}' ]
        [ $status = 141 ]
        [ ! -s err ]
    done
}

@test "a record leaves at once when the input pauses" {
    for w in 1 3; do # one worker, and several, which read by themselves
        rm -f in out err
        mkfifo in out
        exec 7<>in
        timeout 10 "$CHANPIPE" -w $w 'parse json | filter a > 0 | set b = 1 | keep a, b' in >out &
        pid=$!
        exec 8<out
        for i in 1 2 3; do
            echo "{\"a\":$i}" >in
            read -t 5 -r line <&8
            [ "$line" = "{\"a\":$i,\"b\":1}" ]
        done
        kill $pid
        wait $pid || true
        exec 7>&- 8<&-
    done
}

@test "SIGINT drains: the reader gets what was read, and the signal is raised again" {
    for w in 1 3; do # one worker, and several, which read by themselves
        rm -f in out err
        mkfifo in out
        exec 7<>in
        env --default-signal=INT "$CHANPIPE" -w $w 'parse json | set b = 2' in >out 2>err &
        pid=$!
        exec 8<out
        echo '{"a":1}' >in
        read -t 10 -r line <&8
        kill -INT $pid
        status=0
        wait $pid || status=$?
        exec 7>&- 8<&-
        [ "$line" = '{"a":1,"b":2}' ]
        [ $status = 130 ]
        [ ! -s err ]
    done
}

@test "SIGTERM prints the aggregates of what came so far" {
    mkfifo in out
    exec 7<>in
    "$CHANPIPE" 'parse json | count by a | file counts.json' in 2>err &
    pid=$!
    printf '{"a":1}\n{"a":1}\n' >in
    until_read $pid 16
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    exec 7>&-
    [ $status = 143 ]
    [ "$(cat counts.json)" = '{"a":1,"count":2}' ]
}

# until_read PID BYTES: until the process has read that many bytes of its input and all its threads sleep again.
until_read() {
    local i
    for i in $(seq 5000); do
        [ "$(awk '/^rchar/ { print $2 }' /proc/$1/io)" -ge $(($2 + base)) ] 2>/dev/null &&
            ! grep -q ' R ' /proc/$1/task/*/stat && return
    done
    fail "process $1 never read $2 bytes"
}
base=0

@test "a sink that nobody drains stops the source; memory stays within the bound" {
    mkfifo out
    exec 8<>out
    yes '{"a":1,"b":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}' | head -c 100000000 >in
    "$CHANPIPE" 'parse json | set c = a + 1' in >out &
    pid=$!
    until_stuck $pid
    rss=$(awk '/^VmHWM/ { print $2 }' /proc/$pid/status)
    kill -KILL $pid
    wait $pid || true
    exec 8>&-
    [ "$last" -lt 50000000 ]
    is_sanitized || [ "$rss" -lt 32768 ]
}

@test "a second SIGINT, and the end of grace: the account, the table and what was left are those of the moment" {
    seq 1000000 >in
    mkfifo stuck
    exec 8<>stuck
    for grace in 1h 1ms; do
        rm -f acc
        env --default-signal=INT "$CHANPIPE" --account acc -s --grace $grace 'tee { tail 5 ; file stuck } | file x' in 2>err &
        pid=$!
        until_stuck $pid
        kill -INT $pid
        [ $grace = 1ms ] || until_ended $pid kill -INT $pid
        status=0
        wait $pid || status=$?
        assert_equal $status 130
        assert_equal "$(jq -c 'select(.stage == "tail") | [.in - .filtered - .out, .held]' acc)" '[5,5]'
        [ "$(jq 'select(.edge == "files -> tee").received' acc)" -gt 0 ]
        grep -qE '^tail +[0-9]+ ' err
        grep -qE '^chanpipe: ended by SIGINT before everything was written; not delivered: [0-9]+ batch(es)? of at most [0-9]+ records and 5 records that stages held$' err ||
            fail "$(cat err)"
    done
    exec 8>&-
}

# until_ended PID COMMAND: repeats the command until the process has gone.
until_ended() {
    local pid=$1
    shift
    while kill -0 "$pid" 2>/dev/null; do "$@" 2>/dev/null || true; done
}

@test "what cannot be counted is not counted: a program that does not end" {
    mkfifo in
    printf '#!/bin/sh\necho $$ >pid\nexec sleep 1000\n' >deaf
    chmod +x deaf
    exec 7<>in
    env --default-signal=INT "$CHANPIPE" --account - --grace 1ms 'skip 0 | exec ./deaf' in 2>err &
    pid=$!
    echo a >in
    base=0 until_read $pid 2
    until [ -s pid ]; do :; done
    kill -INT $pid
    status=0
    wait $pid || status=$?
    exec 7>&-
    kill "$(cat pid)" || true
    assert_equal $status 130
    assert_equal "$(grep '^chanpipe:' err)" 'chanpipe: ended by SIGINT before everything was written'
    assert_equal "$(grep '"stage":"files"' err | jq .out)" 1
}

@test "several files, counted over all; lines start at 1 in each" {
    printf 'a\nb\n' >1.log
    printf 'c\nd\n' >2.log
    cp_run -o json 'set f = _file, n = _line | skip 1 | head 2' 1.log 2.log
    [ "$output" = '{"line":"b","f":"1.log","n":2}
{"line":"c","f":"2.log","n":1}' ]
}

@test "a line longer than max_line is left out, counted and reported; the next one flows" {
    { head -c 3000000 /dev/zero | tr '\0' x; echo; echo ok; } >long
    for w in 1 3; do
        cp_run -w $w 'files long | parse line | head'
        [ "$status" = 0 ]
        [ "$output" = '{"line":"ok"}' ]
        assert_stderr 'files: 1 of 2 records skipped \(first: long:1: .*max_line'
    done
}

@test "an on_error stop ends with status 3 and the first cause" {
    printf '{"a":1}\n{broken\n{"a":2}\n' >in
    for w in 1 3; do
        cp_run -w $w 'parse json with on_error=stop' in
        [ "$status" = 3 ]
        [ "$output" = '{"a":1}' ]
        assert_stderr 'parse: in:2: '
    done
}

@test "--strict is status 3 when a record failed" {
    printf '{"a":1}\n{broken\n' >in
    cp_run --strict 'parse json' in
    [ "$status" = 3 ]
    [ "$output" = '{"a":1}' ]
}

@test "--exit-empty is status 1 when nothing reached a sink" {
    echo '{"a":1}' >in
    cp_run -x 'parse json | filter a == 2' in
    [ "$status" = 1 ]
    cp_run -x 'parse json | filter a == 1' in
    [ "$status" = 0 ]
}

@test "the account balances and is JSON" {
    cp_run -o json --account account 'parse combined | filter status >= 500 | count by path | sort -count | head 3' "$SAMPLES/access.log"
    [ "$status" = 0 ]
    jq -e . account >/dev/null
    [ "$(jq -r 'select(.stage == "files") | .out' account)" = 400 ]
}

@test "a gzip file, several members, a damaged and a cut one" {
    printf 'a\nb\n' | gzip >x.gz
    printf 'c\n' | gzip >>x.gz
    cp_run 'head 10' x.gz
    assert_equal "$output" "$(printf 'a\nb\nc')"
    seq 100000 | gzip >y.gz
    head -c 5000 y.gz >cut.gz
    cp_run -e count cut.gz
    [ "$status" = 4 ]
    assert_stderr 'cut.gz: the gzip data ends too early'
}

@test "a FIFO is opened once: nothing of what is written into it is lost" {
    mkfifo fifo
    seq 200000 >in
    for _ in 1 2 3; do
        cat in >fifo 3>&- &
        gives '' '{"count":200000}' -o json 'files fifo | count'
        wait $!
        cat in >fifo 3>&- &
        gives '' '{"count":200000}' -o json -w 3 'files fifo | parse line | count'
        wait $!
    done
    gives '' '{"count":5}' -o json 'parse line | count' <(seq 5)
}

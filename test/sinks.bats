# Sinks with several workers: each encodes, and what they make leaves in turns.
load helper

# lines N: numbered records of uneven length.
lines() {
    seq "$1" | awk '{ printf "{\"n\":%d,\"t\":\"%s\"}\n", $1, substr("abcdefghijklmnopqrstuvwxyz0123456789", 1, $1 * $1 % 37) }'
}

@test "workers of a sink: the same bytes, whatever stands above and whatever the batches are" {
    lines 5000 >in
    for p in '' 'head 4000' 'sort -n | filter n % 7 != 3' 'set a = n, b = t .. t' 'tee { filter n < 9 ; filter n > 4990 }' \
        'route { n % 2 == 0 => set even = true ; else => set m = n * 2 }' 'uniq t' 'count by t' 'filter n == 1' 'filter n > 9999'; do
        for sink in stdout 'stdout format=logfmt' 'stdout format=raw' 'file /dev/stdout format=json'; do
            pipeline="parse json | ${p:+$p | }$sink"
            chanpipe "$pipeline" in >expected
            for with in workers=2 'workers=3 capacity=1' 'workers=5 capacity=0'; do
                CHANPIPE_TEST_BLOCK=2048 cp_run --account acc -w 2 "$pipeline with $with" in
                assert_equal "$status $stderr" '0 '
                cmp -s expected <(printf '%s' "${output:+$output$'\n'}") || fail "$pipeline with $with"
            done
            for w in 2 3 8; do
                CHANPIPE_TEST_BLOCK=1024 cp_run --account acc -w $w "$pipeline" in
                assert_equal "$status $stderr" '0 '
                cmp -s expected <(printf '%s' "${output:+$output$'\n'}") || fail "-w $w $pipeline"
            done
        done
    done
}

@test "workers of a sink: records larger than all buffers, and batches that are split" {
    for n in 1 300000 5 70000 900000 2 2 2 600000 8; do
        printf '{"n":%d,"t":"%s"}\n' $n "$(head -c $n /dev/zero | tr '\0' x)"
    done >in
    for p in 'parse json' 'parse json | set u = t, v = n .. ""' 'parse json | set u = t | unset t | filter n != 2'; do
        chanpipe "$p" in >expected
        for w in 2 3; do
            for sink in stdout 'stdout with capacity=1'; do
                chanpipe -w $w "$p | $sink" in >out
                cmp expected out
            done
        done
    done
}

@test "workers of a sink: order: false loses and tears nothing" {
    lines 3000 >in
    chanpipe 'parse json' in | sort >expected
    for with in 'workers=3 order=false' 'workers=2 order=false capacity=1'; do
        for w in 1 3; do
            CHANPIPE_TEST_BLOCK=1024 chanpipe --account acc -w $w "parse json with order=false | stdout with $with" in | sort | cmp expected -
        done
    done
}

@test "workers of a sink: csv, tsv and table have one" {
    for f in csv tsv table; do
        refuses "error: stdout has one worker: all lines have the columns of the first one" "parse json | stdout format=$f with workers=2"
        gives '{"a":1}\n{"a":2}\n' "$(printf '{"a":1}\n{"a":2}\n' | chanpipe "parse json | stdout format=$f")" -w 3 "parse json | stdout format=$f"
    done
}

@test "workers of a sink: a full disk is said once, and the account knows what was not written" {
    [ -w /dev/full ] || skip 'no /dev/full'
    lines 20000 >in
    for sink in 'stdout' 'stdout with capacity=1' 'file /dev/full'; do
        for w in 2 3; do
            status=0
            CHANPIPE_TEST_BLOCK=4096 chanpipe -w $w --account acc "parse json | $sink" in >/dev/full 2>err || status=$?
            assert_equal "$status $(wc -l <err)" '4 1'
            grep -q 'cannot write .* after 0 bytes: No space left on device' err || fail "$(cat err)"
            grep -Eq '"kind":"(stdout|file)","in":([0-9]+),"made":0,"out":0,.*"held":\2,' acc || fail "$(cat acc)"
        done
    done
}

@test "workers of a sink: a file that may not grow ends behind its last whole line" {
    lines 20000 >in
    chanpipe 'parse json' in >expected
    for w in 1 2 3; do
        for with in '' ' with capacity=1'; do
            rm -f out.json
            status=0
            (ulimit -f 300 && CHANPIPE_TEST_BLOCK=4096 timeout 20 "$CHANPIPE" -w $w --account acc "parse json | file out.json$with" in) 2>err || status=$?
            assert_equal "$status $(wc -l <err)" '4 1'
            grep -q 'File too large' err || fail "$(cat err)"
            n=$(wc -l <out.json)
            [ "$n" -gt 1000 ] && cmp <(head -n "$n" expected) out.json
        done
    done
}

@test "workers of a sink: a reader that leaves ends an endless pipeline" {
    for with in '' ' with capacity=1' ' with order=false'; do
        run bash -c 'yes "{\"a\":1}" | { timeout 20 "$CHANPIPE" -w 3 "parse json | filter a == 1 | stdout'"$with"'" 2>err; echo $? >status; } | head -1'
        assert_output '{"a":1}'
        assert_equal "$(cat status) $(cat err)" '141 '
    done
}

@test "workers of a sink: a record leaves at once when the input pauses, whatever the channels" {
    for p in 'parse json' 'parse json | stdout with capacity=1' 'parse json | head 9' 'stdout format=raw' 'parse json with order=false'; do
        rm -f in out
        mkfifo in out
        exec 7<>in
        timeout 60 "$CHANPIPE" -w 3 "$p" in >out 2>err &
        pid=$!
        exec 8<out
        for i in 1 2 3 4 5; do
            echo "{\"a\":$i}" >in
            read -t 20 -r line <&8 || fail "$p: $i"
            assert_equal "$line" "{\"a\":$i}"
        done
        kill $pid
        exec 7>&-
        wait $pid || true
        exec 8<&-
    done
}

@test "workers of a sink: what came before a record that ends the pipeline is written" {
    { lines 3000; echo bad; lines 3000; } >in
    lines 3000 >expected
    for sink in stdout 'stdout with capacity=1' 'set m = n | unset m | stdout'; do
        CHANPIPE_TEST_BLOCK=1024 cp_run -w 3 --account acc "parse json with on_error=stop | $sink" in
        assert_equal "$status" 3
        cmp expected <(printf '%s\n' "$output")
    done
}

# Stages: what each does beyond its examples (semantics 29-35, 42, 43, 49, 50).
load helper

@test "set: nested paths, literal keys, null, a step through something else" {
    gives '{"a":null}\n{}\n{"a":{"c":1}}\n' '{"a":{"b":1}}\n{"a":{"b":1}}\n{"a":{"c":1,"b":1}}' 'parse json | set a.b = 1'
    gives '{"a.b":0,"a":{"b":5}}\n' '{"a.b":1,"a":{"b":5}}' 'parse json | set a.b = 1'
    skips '{"a":5}\n' '{"a":5,"c":2}' 'set: 1 of 1 record' 'parse json | set a.b = 1, c = 2'
    gives '{"a":1}\n' '{"a":1,"b":null}' 'parse json | set b = null'
    gives '{"u":{"id":1},"u":{"id":2}}\n' '{"u":{"id":3}}' 'parse json | set u.id = 3'
    gives 'a=1\n' '{"a":1,"b.c":2}' -o json 'parse logfmt | set b.c = 2'
}

@test "unset and rename: missing fields do nothing, nested ones leave" {
    gives '{"a":1}\n' '{"a":1}' 'parse json | unset b, c.d'
    gives '{"a":{"b":1,"c":2},"d":3}\n' '{"a":{"c":2}}' 'parse json | unset a.b d'
    gives '{"a":1,"b":2}\n{"b":3}\n' '{"b":1}\n{"b":3}' 'parse json | rename a to b'
    local both='{"x":0,"b":3,"y":1}\n{"b":2,"a":1}\n{"a": 1, "b": 2}\n{"b" : "q", "b":4, "z":1}\n'
    gives "$both" '{"x":0,"b":3,"y":1}\n{"b":1}\n{"b": 1}\n{"b":4, "z":1}' 'parse json | rename a to b'
    gives "$both" '{"x":0,"b":9,"y":1}\n{"b":9}\n{"b": 9}\n{"b":9, "z":1}' 'parse json | rename a to b | set b = 9'
    gives "$both" '{"x":0,"y":1}\n{}\n{}\n{"z":1}' 'parse json | rename a to b | unset b'
    gives "$both" '{"x":0,"c":3,"y":1}\n{"c":1}\n{"c": 1}\n{"c":4, "z":1}' 'parse json | rename a to b | rename b to c'
    gives "$both" '{"b":0,"y":1}\n{"b":1}\n{"b": 1}\n{"b":4, "z":1}' 'parse json | rename a to b | rename x to b'
    gives "$both" '{"x":0,"y":3}\n{"y":1}\n{"y": 1}\n{"y":4, "z":1}' 'parse json | rename a to b | rename b to y'
    gives "$both" '{"x":0,"b":3,"y":1}\n{"b":1}\n{"b": 1}\n{"b":4, "z":1}' 'parse json | rename a to b | tail 9'
    gives "$both" '{"x":0,"a":3,"y":1}\n{"a":1}\n{"a": 1}\n{"a":4, "z":1}' 'parse json | rename a to b, b to a'
    gives "$both" 'x=0 a=3 y=1\na=1\na=1\na=4 z=1' -o logfmt 'parse json | rename a to b, b to a'
    gives "$both" 'x=0 b=3 y=1\nb=1\nb=1\nb=4 z=1' -o logfmt 'parse json | rename a to b'
    gives "$both" '{"x":0,"y":1,"q":3}\n{"q":1}\n{"q":1}\n{"z":1,"q":4}' 'parse json | rename a to b | set q = b | unset b'
    gives 'x=0 b=3 y=1\nb=2 a=1\na=1 b=2\n' '{"x":0,"b":3,"y":1}\n{"b":1}\n{"b":1}' 'parse logfmt | rename a to b'
    gives 'x=0 b=3 y=1\nb=2 a=1\na=1 b=2\n' 'x=0 b=3 y=1\nb=1\nb=1' -o logfmt 'parse logfmt | rename a to b'
    gives '{"m":"x=0 b=3 y=1"}\n{"m":"b=2 a=1"}\n' '{"x":0,"b":3,"y":1}\n{"b":1}' 'parse json | parse logfmt from m | unset m | rename a to b'
    gives "$both" '{"x":0,"b":3,"y":1}\n{"x":0,"b":3,"y":1}\n' 'parse json | tee { set n = 1 | unset n ; filter true } | rename a to b | head 2'
    gives '{"a":1,"x":0,"a":2}\n' '{"x":0,"c":2}' 'parse json | rename a to c'
    gives '{"a":{"b":1},"c":2}\n' '{"a":{},"c":2,"d":1}' 'parse json | rename a.b to d'
    gives '{"a":1}\n' '{"b":{"c":1}}' 'parse json | rename a to b.c'
}

@test "keep: order, nested names, as, missing fields, no two of one name" {
    gives '{"a":1,"b":{"c":2}}\n{"b":3}\n' '{"b.c":2,"a":1}\n{}' 'parse json | keep b.c, a'
    gives '{"a":[7,8],"o":{"k":1}}\n' '{"a[0]":7,"o.k":1}' 'parse json | keep a[0], o["k"]'
    gives '{"odd name":1}\n' '{"odd name":1}' 'parse json | keep ."odd name"'
    gives '{"a":1.0,"b":2}\n' '{"x":1.0}' 'parse json | keep a as x'
    refuses ':1:22: error' 'parse json | keep a, a'
}

@test "filter and grep" {
    gives '{"a":1}\n{"a":2}\n' '{"a":2}' 'parse json | filter a > 1'
    gives 'one\ntwo\nthree\n' 'two' 'grep two'
    gives 'one\ntwo\nthree\n' 'one\nthree' 'grep -v two'
    gives 'one\nTWO\nthree\n' 'TWO' 'grep -i two'
    gives 'one\nTWO\nthree\n' 'one\nthree' 'grep -v -i two'
    gives 'a1\nb\nc22\n' 'a1\nc22' 'grep /[0-9]+$/'
    gives 'a b\nab\n' 'a b' 'grep "a b"'
    gives 'x\n{"a":"q"}\n' '{"a":"q"}' 'grep q | parse json'
    gives '{"a":1}\n{"a":1}\n' '{"count":2}' 'parse json | count | grep count'
}

@test "head, tail, skip, sample" {
    gives "$(seq 20)" "$(seq 10)" -e head
    gives "$(seq 20)" "$(seq 11 20)" -e tail
    gives "$(seq 20)" "$(seq 3)" 'head 3'
    gives "$(seq 20)" "$(seq 18 20)" 'tail 3'
    gives "$(seq 20)" "$(seq 16 20)" 'skip 15'
    gives "$(seq 5)" '' 'head 0'
    mkfifo in
    exec 7<>in
    gives '' '{"count":0}\n' 'head 0 | count' in
    exec 7>&-
    gives "$(seq 5)" '' 'tail 0'
    gives "$(seq 5)" '' 'skip 9'
    gives "$(seq 5)" "$(seq 5)" 'tail 9'
    gives "$(seq 10000)" "$(seq 9998 10000)" 'tail 3'
    refuses 'error' 'head -1'
    refuses 'error' 'head x'
    [ "$(seq 1000 | chanpipe 'sample 10' | wc -l)" = 100 ]
}

@test "dedupe and uniq" {
    gives '{"a":1,"n":1}\n{"a":2,"n":2}\n{"a":1,"n":3}\n' '{"a":1,"n":1}\n{"a":2,"n":2}' 'parse json | dedupe a'
    gives 'x\ny\nx\n' 'x\ny' -e dedupe
    gives 'x\ny\nx\n' 'x\ny' -e uniq
    gives '{"a":1,"b":2,"n":1}\n{"a":1,"b":2,"n":2}\n{"a":1,"b":3}\n' '{"a":1,"b":2}\n{"a":1,"b":3}' 'parse json | uniq a, b'
    gives '{"a":1}\n{"a":"1"}\n{"a":1.0}\n{"a":null}\n{}\n' '{"a":1}\n{"a":1.0}\n{"a":null}' 'parse json | dedupe a'
}

@test "count: groups in the order of their first record, equal by their text" {
    gives '{"a":"b"}\n{"a":"a"}\n{"a":"b"}\n' '{"a":"b","count":2}\n{"a":"a","count":1}' 'parse json | count by a'
    gives '{"a":1}\n{"a":"1"}\n{"a":1.0}\n{"a":null}\n{}\n' '{"a":1,"count":2}\n{"a":1.0,"count":1}\n{"a":null,"count":2}' 'parse json | count by a'
    gives '{"a":1,"b":{"c":2}}\n' '{"a":1,"b.c":2,"count":1}' 'parse json | count by a, b.c'
    gives '{"time":"2026-11-20T10:00:00Z"}\n' '{"time":"2026-11-20","count":1}' 'parse json | count by day(time)'
    gives '{"a":1}\n' '{"x":2,"n":1}' 'parse json | count as n by a + 1 as x'
    refuses 'as' 'parse json | count by a + b'
}

@test "aggregates of nothing" {
    gives '' '{"count":0}' -e count
    gives '' '' 'parse json | count by a'
    gives '' '{"count":0,"sum_a":0,"avg_a":null,"min_a":null,"uniq_a":0,"list_a":[],"p50_a":null,"first_a":null}' \
        'parse json | stats count(), sum(a), avg(a), min(a), uniq(a), list(a), p50(a), first(a)'
}

@test "stats: names, null and text that is no number, spelling" {
    skips '{"a":1}\n{"a":"x"}\n{"a":null}\n{"a":2.50}\n' '{"count":4,"sum_a":3.5,"avg_a":1.75,"max_a":"x","min_a":1,"first_a":1,"last_a":2.50,"p99_a":2.50}' \
        'stats: 1 of 4 records' 'parse json | stats count(), sum(a), avg(a), max(a), min(a), first(a), last(a), p99(a)'
    gives '{"u":{"v":3}}\n' '{"sum_u_v":3,"p99_9_u_v":3}' 'parse json | stats sum(u.v), p99.9(u.v)'
    gives '{"a":1}\n{"a":2}\n{"a":4}\n' '{"stdev_a":1.5275252316519468}' 'parse json | stats stdev(a)'
    gives '{"a":1}\n' '{"stdev_a":null}' 'parse json | stats stdev(a)'
    gives '{"a":5}\n{"a":0}\n' '{"count_a":1}' 'parse json | stats count(a)'
    gives '{"a":9223372036854775807}\n{"a":9223372036854775807}\n{"a":-9223372036854775807}\n' '{"sum_a":9223372036854775807}' 'parse json | stats sum(a)'
    gives '{"a":1e16}\n{"a":1}\n{"a":-1e16}\n' '{"sum_a":1}' 'parse json | stats sum(a)'
    gives '{"a":0.1}\n{"a":0.2}\n{"a":0.3}\n' '{"sum_a":0.6}' 'parse json | stats sum(a)'
    refuses 'as' 'parse json | stats sum(a + b)'
    refuses 'did you mean' 'parse json | stats smu(a)'
}

@test "percentiles are the nearest rank, exact up to 4,096 values, then within 0.5 %" {
    seq 4096 | sed 's/.*/{"a":&}/' | shuf --random-source=<(yes) >in
    cp_run 'parse json | stats p50(a), p99(a), p99.9(a), pct(a, 25)' in
    assert_equal "$output" '{"p50_a":2048,"p99_a":4056,"p99_9_a":4092,"pct_a":1024}'
    refute_stderr
    seq 20000 | sed 's/.*/{"a":&}/' >in
    cp_run 'parse json | stats p50(a), p99(a)' in
    jq -e '(.p50_a - 10000 | fabs) <= 50 and (.p99_a - 19800 | fabs) <= 99' <<<"$output"
    assert_stderr '^chanpipe: stats: '
}

@test "top: the largest first, ties in the order of the input" {
    gives 'a=x\na=y\na=z\na=z\n' 'a=z count=2\na=x count=1' -o logfmt 'parse logfmt | top 2 a'
    gives '{"a":"x","n":1}\n{"a":"y","n":5}\n{"a":"x","n":2}\n' '{"a":"y","sum_n":5}\n{"a":"x","sum_n":3}' 'parse json | top a by sum(n)'
    gives '{"a":"y"}\n{"a":"x"}\n{"a":"x"}\n' '{"a":"x","count":2}\n{"a":"y","count":1}' 'parse json | top a'
}

@test "sort: the order of kinds, both directions, stable, null last" {
    printf '%s\n' '{"a":"b"}' '{"a":[1]}' '{"a":null}' '{"a":10}' '{"a":true}' '{"a":"9"}' '{"a":false}' '{"a":"a"}' '{}' '{"a":2.5}' >in
    gives '' '{"a":false}\n{"a":true}\n{"a":2.5}\n{"a":"9"}\n{"a":10}\n{"a":"a"}\n{"a":"b"}\n{"a":[1]}\n{"a":null}\n{}' 'parse json | sort a' in
    gives '' '{"a":[1]}\n{"a":"b"}\n{"a":"a"}\n{"a":10}\n{"a":"9"}\n{"a":2.5}\n{"a":true}\n{"a":false}\n{"a":null}\n{}' 'parse json | sort -a' in
    gives '{"a":1,"n":1}\n{"a":0,"n":2}\n{"a":1.0,"n":3}\n' '{"a":0,"n":2}\n{"a":1,"n":1}\n{"a":1.0,"n":3}' 'parse json | sort a'
    gives '{"a":1,"b":1}\n{"a":1,"b":2}\n{"a":0,"b":1}\n' '{"a":0,"b":1}\n{"a":1,"b":2}\n{"a":1,"b":1}' 'parse json | sort a, -b'
    seq 5000 | shuf --random-source=<(yes) | sed 's/.*/{"a":&}/' >in
    chanpipe 'parse json | sort a' in | cmp - <(seq 5000 | sed 's/.*/{"a":&}/')
    chanpipe 'parse json | sort -a | head 2' in | cmp - <(printf '{"a":5000}\n{"a":4999}\n')
    cp_run check 'parse json | sort -a -b'
    assert_stderr 'warning'
}

@test "file: replaces, appends, takes its format from the name, refuses its input" {
    echo old >out.csv
    gives 'a=1 b=2\n' '' 'parse logfmt | file out.csv'
    [ "$(cat out.csv)" = $'a,b\n1,2' ]
    gives 'x\n' '' 'file out.log append=true'
    gives 'y\n' '' 'file out.log append=true'
    [ "$(cat out.log)" = $'x\ny' ]
    cp_run 'file out.log' out.log
    [ "$status" != 0 ]
    assert_stderr 'out.log'
    [ "$(cat out.log)" = $'x\ny' ]
    cp_run 'parse logfmt | file no/such/folder/x' </dev/null
    assert_equal "$status" 4
    assert_stderr 'no/such/folder/x'
}

@test "stderr and discard" {
    cp_run -o json 'parse logfmt | stderr' < <(echo a=1)
    assert_equal "$status $output $stderr" '0  {"a":1}'
    gives 'a\nb\n' '' -e discard
    gives 'a\n' '' -x -e discard
}

@test "the same bytes whatever the batch and the capacity" {
    for q in 'parse json | stats count(), sum(dur), avg(dur), stdev(dur), p50(dur), p99(dur), first(msg), last(msg), uniq(ip) by service' \
        'parse json | top 5 ip' 'parse json | sort -dur, ts | head 7' 'parse json | dedupe service | keep service, ts' \
        'parse json | set x = dur * 1000, y = upper(level) | filter x > 30 | tail 5' 'parse json | uniq service, level'; do
        chanpipe "$q" "$SAMPLES/app.jsonl" >expected
        for s in '61 3 1' '4096 1 2' '65536 7 64' '1000000 2048 4'; do
            read -r block batch capacity <<<"$s"
            CHANPIPE_TEST_BLOCK=$block CHANPIPE_TEST_BATCH=$batch CHANPIPE_TEST_CAPACITY=$capacity chanpipe "$q" "$SAMPLES/app.jsonl" |
                cmp - expected || fail "$q with block $block, batch $batch, capacity $capacity"
        done
    done
}

# times SECOND…: records with these times.
times() {
    printf '{"time":%s}\n' "$@"
}

@test "throttle: rate, burst, what comes late, what has no time" {
    local per='parse json | throttle'
    gives "$(times 0 0 0 1 1 2 12)" "$(times 0 0 2 12)" "$per 2 per 4s"
    gives "$(times 0 0 0 4 4 4)" "$(times 0 0 4 4)" "$per 2 per 4s"
    gives "$(times 0 0 1 2 2 3 4)" "$(times 0 2 4)" "$per 2 per 4s burst=1"
    gives "$(times 0 0 0 0 5 5)" "$(times 0 0 0 5)" "$per 1 per 5s burst=3"
    gives "$(times 0 0.2 0.5 1)" "$(times 0 0.5 1)" "$per 2 burst=1"
    gives "$(times 10 9 10.5 3 11 20)" "$(times 10 11 20)" "$per 1 per 1s"
    times 100 100 50 >new
    times 50 50 100 >old
    assert_equal "$(chanpipe "$per 1 per 10s" new old)" "$(times 100 50 100)"
    gives "$(times 10 null 11)" "$(times 10 11)" "$per 1 per 1s"
    gives "$(times null null 1)" "$(times null 1)" "$per 1 per 1s"
    gives "$(times 0 0 1e9 1e9)" "$(times 0 1e9)" "$per 1 per 1d"
    gives 'a\nb\nc\n' 'a\nb' 'throttle 2 per 1d on=arrival'
    gives '{"t":1,"time":5}\n{"t":1,"time":9}\n' '{"t":1,"time":5}' 'parse json time=t | throttle 1'
}

@test "throttle: by, as one bucket per key; the account" {
    local out k
    seq 0 99 | awk '{ printf "{\"time\":%d,\"k\":\"%d\",\"u\":\"x\"}\n", $1 / 10, $1 % 3 }' >in
    cp_run --account acc 'parse json | throttle 2 per 4s by k, upper(u)' in
    out=$(for k in 0 1 2; do
        grep "\"k\":\"$k\"" in | chanpipe 'parse json | throttle 2 per 4s'
    done | sort)
    assert_equal "$(sort <<<"$output")" "$out"
    assert_equal "$(jq -r 'select(.stage == "throttle") | "\(.in) \(.in == .out + .filtered)"' acc)" '100 true'
    gives "$(times 0 0)" "$(times 0)" -f <(printf 'stages:\n  - parse: json\n  - throttle: 1\n    per: 1h\n')
}

@test "throttle: beyond max_memory the oldest keys are given up, and that is said" {
    { seq 15000; seq 15000; } | sed 's/.*/{"time":1,"k":&}/' >in
    assert_equal "$(chanpipe 'parse json | throttle 1 per 1h by k | count' in)" '{"count":15000}'
    cp_run 'parse json | throttle 1 per 1h by k with max_memory=600KiB | count' in
    assert_stderr 'throttle: .* of the oldest keys were given up'
    [ "$status" = 0 ] && [ "$output" != '{"count":15000}' ]
}

@test "throttle: what waits is not lost, and comes no faster" {
    local start=$(date +%s%N)
    gives '1\n2\n3\n4\n5\n6\n' '1\n2\n3\n4\n5\n6' 'throttle 1 per 100ms burst=2 wait=true'
    [ $(($(date +%s%N) - start)) -ge 400000000 ] || fail "6 records, 2 at once, after $(($(date +%s%N) - start)) ns"
    start=$(date +%s%N)
    gives 'a\nb\na\nc\na\n' 'a\nb\na\nc\na' 'throttle 1 per 100ms by line with wait=true'
    [ $(($(date +%s%N) - start)) -ge 200000000 ] || fail "3 records of one value after $(($(date +%s%N) - start)) ns"
    seq 3000 | sed 's/.*/{"n":&,"s":"abc"}/' >in
    for p in "throttle 5000 per 1s burst=7 wait=true" "tee { set x = s .. s | throttle 9000 by upper(x) burst=40 wait=true | keep n ; filter n > 2999 }" \
        "throttle 9000 burst=1000 wait=true with on_error=keep"; do
        cp_run --account acc "parse json | $p | keep n" in
        cmp <(jq -c '{n}' in; [[ $p != tee* ]] || echo '{"n":3000}') <(printf '%s\n' "$output") || fail "$p"
        assert_equal "$(jq -s 'map(select(.stage and (.in + .made != .out + .filtered + .dropped + .errored + .taken + .held))) | length' acc)" 0
    done
    skips '{"a":1}\n{"a":"x"}\n{"a":2}\n{"a":"y"}\n' '{"a":1}\n{"a":2}' 'throttle: 2 of 4 records skipped' \
        'parse json | throttle 1 per 20ms by int(a) * 0 with wait=true on_error=skip'
}

# Each would take hours.
@test "throttle: what waits does not hold up the end" {
    run bash -c 'yes | timeout 60 "$CHANPIPE" "throttle 1 per 1h wait=true | head 1"'
    assert_output y
    run bash -c 'yes | timeout 60 "$CHANPIPE" "throttle 1 per 1h wait=true" | head -1'
    assert_output y
    [ -w /dev/full ] || skip 'no /dev/full'
    seq 10 >in
    LIMIT=60 cp_run 'tee { throttle 1 per 1h wait=true | file slow ; skip 9 | file /dev/full }' in
    assert_equal "$status" 4
    cmp in slow
}

@test "throttle: one leaves at once; SIGTERM lets what waits leave" {
    mkfifo in out
    exec 7<>in
    "$CHANPIPE" 'throttle 1 per 1h wait=true' in >out 2>err &
    pid=$!
    exec 8<out
    seq 5 >in
    read -t 30 -r line <&8
    assert_equal "$line" 1
    kill -TERM $pid
    assert_equal "$(cat <&8)" "$(seq 2 5)"
    status=0
    wait $pid || status=$?
    exec 7>&- 8<&-
    assert_equal $status 143
    assert_equal "$(<err)" ''
}

@test "throttle: wrong uses" {
    refuses 'throttle takes a number of records' -e throttle
    refuses 'throttle takes a number of records' 'parse json | throttle 0'
    refuses ':1:26: error: per takes a duration' 'parse json | throttle 10 per 5'
    refuses 'they have none here' 'throttle 10 per 5s'
    refuses 'on takes time or arrival' 'parse json | throttle 10 on=x'
    refuses 'burst takes a number' 'parse json | throttle 10 burst=x'
    refuses 'wait takes true or false' 'throttle 10 wait=yes'
    refuses 'with wait=true the clock is that of arrival' 'parse json | throttle 10 on=time wait=true'
    refuses 'with wait=true the clock is that of arrival' 'parse json | throttle 10 with on=time wait=true'
    refuses 'expected per, by' 'parse json | throttle 10 bursts=1'
    refuses 'less than one per record' 'parse json | throttle 10000 per 1us'
    refuses 'max_memory is at least' 'parse json | throttle 1 by a with max_memory=1KiB'
}

@test "list() beyond its memory keeps what fits, and says how much it left out" {
    seq 100000 >in
    cp_run 'parse pattern "<n>" | stats list(n) as l, count() as n with max_memory=1MiB | set k = len(l)' in
    [ "$status" = 0 ] || fail "$stderr"
    kept=$(jq .k <<<"$output")
    [ "$kept" -gt 10000 ] && [ "$kept" -lt 100000 ] || fail "$kept"
    assert_equal "$(jq -c '[.n, (.l == [range(1; .k + 1)])]' <<<"$output")" '[100000,true]'
    assert_stderr "stats: $((100000 - kept)) values were left out, for max_memory was used up"
    for w in 1 2 3; do
        chanpipe "parse pattern \"<n>\" | stats list(n) as l with workers=$w | set n = len(l)" in | jq -c '[.n, (.l == [range(1; .n + 1)])]' >out
        assert_equal "$(cat out)" '[100000,true]'
    done
    cp_run 'parse pattern "<n>" | stats list(n) as l with max_memory=1MiB workers=3 | set k = len(l)' in
    [ "$status" = 0 ] && [ "$(jq '.k > 0 and (.l == (.l | sort))' <<<"$output")" = true ] || fail "$stderr"
    assert_stderr 'values were left out'
}

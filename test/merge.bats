# Records of several inputs come together by time.
load helper
bats_require_minimum_version 1.5.0

# records SEED N DISORDER [NAME]: N lines with times that go up, but for up to DISORDER seconds.
records() {
    awk -v seed="$1" -v n="$2" -v disorder="$3" -v name="${4:-n}" 'BEGIN {
        srand(seed)
        for (i = 1; i <= n; i++) {
            t += int(rand() * 3)
            printf "{\"time\":%d,\"%s\":%d}\n", 1700000000 + t - int(rand() * (disorder + 1)), name, i
        }
    }'
}

# by_time FILE...: as merge does it where nothing is late: ties by file, then as they came.
by_time() {
    cat "$@" | sort -s -t: -k2,2n
}

@test "merge by=time: several inputs, each in order but for max_disorder" {
    records 1 3000 5 a >a.json
    records 2 2000 5 b >b.json
    records 3 10 5 c >c.json
    by_time a.json b.json c.json >expected
    local pipeline='merge { files a.json | parse json ; files b.json | parse json ; files c.json | parse json } with by=time max_disorder=5s'
    for capacity in 0 1 4; do
        for batch in 3 2048; do
            CHANPIPE_TEST_CAPACITY=$capacity CHANPIPE_TEST_BATCH=$batch CHANPIPE_TEST_BLOCK=$((batch * 40)) cp_run -w 2 "$pipeline"
            assert_equal "$status $stderr" '0 '
            cmp expected <(printf '%s\n' "$output") || fail "capacity $capacity, $batch records a batch"
        done
    done
}

@test "merge by=time: one input is put in order" {
    records 4 500 9 >a.json
    by_time a.json >expected
    cp_run 'parse json | merge with by=time max_disorder=9s' a.json
    cmp expected <(printf '%s\n' "$output")
}

@test "merge by=time: what is late is counted and leaves as if it had come in time, whatever the batches are" {
    local in='{"time":10,"n":1}\n{"time":2,"n":2}\n{"time":9,"n":3}\n{"time":11,"n":4}\n{"n":5}\n{"time":10,"n":6}\n'
    local out='{"time":2,"n":2}\n{"time":9,"n":3}\n{"time":10,"n":1}\n{"time":10,"n":6}\n{"time":11,"n":4}\n{"n":5}'
    for batch in 1 2 2048; do
        export CHANPIPE_TEST_BATCH=$batch
        skips "$in" "$out" '^chanpipe: merge: 1 record more than max_disorder late; 1 record without a time, left behind the one before$' \
            'parse json | merge with by=time max_disorder=1s'
    done
}

# A branch that lets nothing pass says all the same how far it is.
@test "merge by=time and by=order of branches of which one is empty: they end, in order" {
    records 5 2000 3 >a.json
    by_time a.json >by_time
    for by in time order; do
        printf '%s\n' 'stages:' '  - files: a.json' '  - parse: json' '  - tee: [[{filter: "false", name: none}], [{filter: "true", name: all}]]' \
            "  - {merge: , from: [none, all], by: $by}" >p.yaml
        [ $by = time ] && echo '  - {merge: , by: time, max_disorder: 3s}' >>p.yaml
        for capacity in 0 1; do
            CHANPIPE_TEST_CAPACITY=$capacity CHANPIPE_TEST_BATCH=7 CHANPIPE_TEST_BLOCK=200 cp_run p.yaml
            assert_equal "$status" 0
            [ $by = time ] && want=by_time || want=a.json
            cmp $want <(printf '%s\n' "$output") || fail "by $by, capacity $capacity"
        done
    done
}

@test "merge by=time: branches of one stage, and a drop policy before it, lose no mark" {
    records 6 3000 0 >a.json
    printf '%s\n' 'stages:' '  - files: a.json' '  - parse: json' \
        '  - tee: [[{filter: "n % 2 == 0", name: even, when_full: drop_new, capacity: 1}], [{filter: "n % 2 == 1", name: odd}]]' \
        '  - {merge: , from: [even, odd], by: time}' >p.yaml
    CHANPIPE_TEST_BATCH=7 CHANPIPE_TEST_BLOCK=200 cp_run --account account p.yaml
    assert_equal "$status" 0
    sort -s -c -t: -k2,2n <<<"$output"
    assert_equal "$(jq -c 'select(.n % 2 == 1) | .n' <<<"$output" | sort -n | uniq | wc -l)" 1500
    jq -se 'map(select(.edge) | .sent - .received - .dropped - .cut) | add == 0' account
}

@test "merge by=time: max_memory bounds what waits" {
    records 7 20000 0 a >a.json
    records 8 20000 0 b >b.json
    refuses 'max_memory is at least 6273KiB' 'merge { files a.json | parse json ; files b.json | parse json } with by=time max_memory=512KiB'
    local pipeline='merge { files a.json with max_line=100 | parse json ; files b.json with max_line=100 | parse json } with by=time max_disorder=99999s max_memory=512KiB'
    cp_run "$pipeline"
    assert_equal "$status" 0
    [ "$(wc -l <<<"$output")" = 40000 ] || fail "$(wc -l <<<"$output") lines"
    [[ $stderr == *'records sent on too early, for max_memory'* ]] || fail "$stderr"
}

@test "merge by=time ends with what it reads, and with who reads it" {
    records 9 5000 0 >a.json
    gives '' '{"n":1}\n{"n":2}\n{"n":3}' 'merge { files a.json | parse json ; files a.json | parse json | filter n > 2000 } with by=time | head 3 | keep n'
    gives '' '' 'merge { files /dev/null | parse json ; files /dev/null | parse json } with by=time'
}

@test "merge by=order: from where all records come, over whatever ways" {
    seq 1 40 | awk '{ print ($1 % 3 ? "a" : "b") ($1 % 5 ? "" : "b") " " $1 }' >in
    printf '%s\n' 'stages:' '  - stdin:' '    name: s' '  - {grep: a, name: A}' '  - {grep: b, name: B, from: s}' \
        '  - {merge: , from: [A, B], by: order, name: J}' '  - {merge: , from: [J, A], by: order}' >around.yaml
    printf '%s\n' 'stages:' '  - stdin:' '    name: s' '  - {grep: a, name: x}' '  - {grep: b, name: y, from: s}' \
        '  - {grep: 1, name: x1, from: x}' '  - {grep: 2, name: x2, from: x}' '  - {grep: 1, name: y1, from: y}' '  - {grep: 2, name: y2, from: y}' \
        '  - {merge: , from: [x1, y1], by: order, name: J1}' '  - {merge: , from: [x2, y2], by: order, name: J2}' \
        '  - {merge: , from: [J1, J2], by: order}' >crossed.yaml
    for p in around crossed; do
        cp_run -f $p.yaml <in
        assert_equal "$status" 0
        want=$output
        sort -k2,2n -s -c <<<"$want"
        for capacity in 0 1 4; do
            CHANPIPE_TEST_BLOCK=61 CHANPIPE_TEST_BATCH=3 CHANPIPE_TEST_CAPACITY=$capacity cp_run -f $p.yaml <in
            assert_equal "$output" "$want"
        done
    done
    printf '%s\n' 'stages:' '  - stdin:' '    name: s' '  - {filter: "true", name: g}' \
        '  - tee: [[{grep: a, name: x}, {merge: , from: [x, s], by: order}], [grep b]]' >outside.yaml
    refuses '5:5: error: the inputs do not all come from one stage' check outside.yaml
}

@test "partings after each other are planned and ended as fast as others" {
    local p=''
    for n in $(seq 22); do p+=' | tee { grep a ; grep b } | parse json'; done
    refuses 'nonsense' check -e "stdin$p | nonsense"
    cp_run -e "stdin$p" </dev/null
    assert_equal "$status" 0
    refuses 'more than 255 branches come together' -e "stdin$(printf ' | tee { grep a ; grep b }%.0s' $(seq 24))"
}

@test "merge by=time: records that do not fit, odd settings" {
    awk 'BEGIN { x = sprintf("%60000s", ""); gsub(/ /, "x", x); for (i = 1; i < 4; i++) print x }' >in
    skips "$(cat in)\n" '' 'larger than half of max_memory' 'stdin max_line=61000 | set time=5 | tee { set a1=line.."", b1=line.."" | tee { set a2=line.."", b2=line.."" | tee { set a3=line.."", b3=line.."" | tee { set a4=line.."", b4=line.."" | merge with by=time max_memory=512KiB | keep line, a1 ; discard } ; discard } ; discard } ; discard }'
    refuses 'max_disorder cannot be below zero' 'parse json | merge with by=time max_disorder=-2s'
    refuses 'max_memory is more than there can be' 'parse json | merge with by=time max_memory=18446744073709551615'
    seq 1000 | sed 's/.*/{"time":&}/' >in
    gives '' "$(cat in)" 'files in with max_line=1000 | parse json | merge with by=time max_memory=300KiB'
}

@test "the time of records that came together is what it was for each of them" {
    echo '{"x":5,"n":"a"}' >x.json
    echo '{"time":7,"n":"b"}' >t.json
    local both='merge { files t.json | parse json ; files x.json | parse json time=x }'
    gives '' '{"n":"b","t":"1970-01-01T00:00:07Z"}\n{"n":"a","t":"1970-01-01T00:00:05Z"}' "$both with by=priority | sort -n | set t = _time | keep n, t"
    gives '' '{"x":5,"n":"a"}\n{"time":7,"n":"b"}' "$both with by=time"
    gives '' '{"x":5,"n":"a","time":9}\n{"time":9,"n":"b"}' "$both with by=time | set time = 9 | merge with by=time"
    gives '{"x":5,"n":"a"}\n' '{"n":"a","y":5,"t":"1970-01-01T00:00:05Z"}' 'parse json time=x | keep n, x as y | set t = _time'
}

@test "parse csv takes its header where records have not parted or come together" {
    printf 'a,b\n1,2\n' >c.csv
    refuses 'no first line to take the names from' 'files c.csv | tee { parse csv ; discard }'
    refuses 'no first line to take the names from' 'merge { files c.csv ; files c.csv } | parse csv'
    gives '' '{"a":1,"b":2}' -o json 'files c.csv | skip 1 | tee { parse csv header=a,b ; discard }'
    gives '' '{"a":1,"b":2}\n{"a":1,"b":2}' 'merge { files c.csv | parse csv ; files c.csv | parse csv }'
}

@test "merge by=time: plan errors" {
    refuses 'needs the time of the records: those from files have none' 'merge { files a ; files b } with by=time'
    refuses 'those from keep have none' 'merge { files a | parse json ; files a | parse json | keep n } with by=time'
    refuses 'those here have none' 'merge with by=time'
    printf '%s\n' 'stages:' '  - files: a.json' '  - parse: json' '  - tee: [[{filter: a, name: x}], [{filter: b, name: y}]]' \
        '  - merge: [[{files: b, name: other}]]' '  - {merge: , from: [x, y, other], by: time}' >p.yaml
    refuses 'inputs' check p.yaml
    refuses 'merge needs several inputs' 'parse json | merge'
}

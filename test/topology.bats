# Lines that part and come together, and stages with several workers.
load helper
bats_require_minimum_version 1.5.0

numbers='{"n":1,"s":"a"}\n{"n":2,"s":"b"}\n{"n":3,"s":"a"}\n{"n":4,"s":"b"}\n'

@test "tee: branches come together in the order of the input, for each record by branch" {
    gives "$numbers" '{"n":1}\n{"n":10}\n{"n":2}\n{"n":20}\n{"n":3}\n{"n":30}\n{"n":4}\n{"n":40}' \
        'parse json | tee { keep n ; keep n | set n = n * 10 }'
    gives "$numbers" '{"n":2,"s":"b"}\n{"n":2,"s":"b","x":1}\n{"n":3,"s":"a","x":1}' \
        'parse json | tee { filter n == 2 ; filter n >= 2 and n < 4 | set x = 1 }'
}

@test "tee: what a branch changes does not show in the others" {
    gives "$numbers" '{"n":1,"s":"A"}\n{"n":1,"s":"a"}\n{"n":1}' \
        'parse json | head 1 | tee { set s = upper(s) ; filter n > 0 ; unset s }'
}

@test "tee: where no branch comes back the records go on" {
    gives "$numbers" '{"n":1,"s":"a"}\n{"n":2,"s":"b"}' 'parse json | tee { file a.json ; filter n > 3 | file b.json } | head 2'
    [ "$(wc -l <a.json)" = 4 ] || [ "$(wc -l <a.json)" = 2 ] || fail "$(cat a.json)"
}

@test "tee: a branch that ends does not end the others" {
    gives "$numbers" '{"n":1,"s":"a"}\n{"n":1,"s":"a"}\n{"n":2,"s":"b"}\n{"n":3,"s":"a"}\n{"n":4,"s":"b"}' \
        'parse json | tee { head 1 ; filter n > 0 }'
    gives "$numbers" '{"n":1,"s":"a"}\n{"n":1,"s":"a"}' 'parse json | tee { head 1 ; head 1 }'
}

@test "aggregates and sorts in branches leave after all others, branch by branch" {
    gives "$numbers" '{"n":1,"s":"a"}\n{"n":2,"s":"b"}\n{"n":3,"s":"a"}\n{"n":4,"s":"b"}\n{"count":4}\n{"s":"a","sum_n":4}\n{"s":"b","sum_n":6}' \
        'parse json | tee { count ; filter n > 0 ; stats sum(n) by s }'
}

@test "route: the first case that is true, else, and what no case takes" {
    gives "$numbers" '{"n":1,"s":"a","x":"one"}\n{"n":2,"s":"b","x":"b"}\n{"n":3,"s":"a","x":"rest"}\n{"n":4,"s":"b","x":"b"}' \
        'parse json | route { n == 1 => set x = "one" ; s == "b" => set x = "b" ; else => set x = "rest" }'
    gives "$numbers" '{"n":1,"s":"a"}\n{"n":2,"s":"b","x":true}\n{"n":3,"s":"a"}\n{"n":4,"s":"b","x":true}' \
        'parse json | route { s == "b" => set x = true }'
    gives "$numbers" '{"n":3,"s":"a"}' 'parse json | route { s == "b" => discard ; n < 3 => discard }'
}

@test "branches in branches" {
    gives "$numbers" '{"n":1,"k":"odd a"}\n{"n":1,"k":"all"}\n{"n":2,"k":"b"}\n{"n":2,"k":"all"}\n{"n":3,"k":"odd a"}\n{"n":3,"k":"all"}\n{"n":4,"k":"b"}\n{"n":4,"k":"all"}' \
        'parse json | tee { route { s == "a" => tee { set k = "odd a" ; filter n > 9 } ; else => set k = "b" } ; set k = "all" } | keep n, k'
}

@test "records of branches that differ are each written in their own shape" {
    gives "$numbers" '{"n":1,"s":"a"}\n{"m":1}\n{"n":2,"s":"b"}\n{"m":2}' 'parse json | head 2 | tee { set z = 1 | unset z ; keep n as m }'
    gives "$numbers" '{"n":1,"s":"a","y":1}\n{"m":1,"y":null}' 'parse json | head 1 | tee { filter n > 0 ; keep n as m } | set y = n'
    gives "$numbers" '{"m":1}\n{"s":"a"}' 'parse json | head 1 | tee { keep n as m ; filter n > 0 } | unset n'
    gives "$numbers" '{"count":2,"x":1}\n{"count":2,"x":null}' 'parse json | head 2 | tee { set x = 1 ; keep n } | count by x | keep count, x'
}

@test "records of branches are sorted, kept and told apart" {
    gives "$numbers" '{"m":2}\n{"n":2,"s":"b"}\n{"m":1}\n{"n":1,"s":"a"}' 'parse json | head 2 | tee { keep n as m ; filter n > 0 } | set k = m ?? n | sort -k | unset k'
    gives "$numbers" '{"m":1}\n{"n":1,"s":"a"}' 'parse json | head 1 | tee { keep n as m ; filter n > 0 } | tail 2'
    gives "$numbers" '{"n":1,"s":"a"}' 'parse json | head 1 | tee { filter n > 0 ; filter n < 9 } | dedupe'
}

@test "merge: inputs of their own" {
    printf '{"n":1}\n{"n":2}\n' >a.json
    printf 'n=3\nn=4\n' >b.log
    cp_run 'merge { files a.json | parse json | set f = "a" ; files b.log | parse logfmt | set f = "b" } | sort n'
    assert_equal "$status" 0
    assert_equal "$output" $'{"n":1,"f":"a"}\n{"n":2,"f":"a"}\n{"n":3,"f":"b"}\n{"n":4,"f":"b"}'
    cp_run 'merge { files a.json ; files b.log } with by=priority'
    assert_equal "$(sort <<<"$output")" $'n=3\nn=4\n{"n":1}\n{"n":2}'
}

@test "from: by name, of a case, of several" {
    printf '%s\n' 'stages:' '  - parse: json' '  - route:' '      - {when: s == "a", name: first, do: discard}' \
        '      - else: discard' '    name: r' '  - keep: n' '    from: r.first' >p.yaml
    gives "$numbers" '{"n":1}\n{"n":3}' run p.yaml
    printf '%s\n' 'stages:' '  - parse: json' '    name: in' '  - filter: n == 1' '    name: one' \
        '  - filter: n == 4' '    from: in' '    name: four' '  - count:' '    from: [one, four]' >p.yaml
    gives "$numbers" '{"count":2}' run p.yaml
}

@test "from: a filter does not spare records that somebody else reads" {
    printf '%s\n' 'stages:' '  - parse: json' '    name: in' '  - filter: s == "a"' '  - file: a.json' '  - count:' '    from: in' >p.yaml
    gives "$numbers" '{"count":4}' run p.yaml
    [ "$(wc -l <a.json)" = 2 ]
}

@test "plan errors: outputs nobody reads, unknown and ended inputs, a source below, nothing above" {
    printf '%s\n' 'stages:' '  - parse: json' '    name: in' '  - filter: n == 1' '  - count:' '    from: in' >p.yaml
    refuses 'p.yaml:4:5: error: nobody reads what comes out of filter' check p.yaml
    printf '%s\n' 'stages:' '  - parse: json' '    name: in' '  - count:' '    from: inn' >p.yaml
    refuses 'p.yaml:5:11: error: there is no stage inn above.*did you mean in' check p.yaml
    printf '%s\n' 'stages:' '  - parse: json' '  - count:' '    from: sort' '  - sort: count' >p.yaml
    refuses 'p.yaml:4:11: error: there is no stage sort above' check p.yaml
    refuses 'nothing comes out of route' 'parse json | route { else => discard } | head'
    refuses 'stdin is a source, but stages come before it' 'parse json | tee { stdin ; head }'
    refuses 'head gets no records' 'merge { head ; stdin }'
    refuses 'nothing comes out of discard, so there is nothing to merge' 'merge { stdin | discard ; files x }'
}

@test "the account balances with branches" {
    cp_run --account acc 'parse json | tee { filter n > 2 ; route { n == 1 => head 1 ; else => count } ; file x.json }' < <(printf "$numbers")
    assert_equal "$status" 0
    assert_equal "$(jq -s 'map(select(.stage and (.in + .made != .out + .filtered + .dropped + .errored + .taken + .held))) | length' acc)" 0
}

@test "a failing sink in a branch ends the pipeline with status 4; the others have written" {
    [ -w /dev/full ] || skip 'no /dev/full'
    yes '{"n":1}' | head -100000 >in.json
    cp_run 'parse json | tee { file a.json ; file /dev/full }' in.json
    assert_equal "$status" 4
    assert_stderr 'cannot write /dev/full'
    [ -z "$(tail -c1 a.json)" ] || fail 'a.json is torn'
}

@test "two sinks on one file are refused" {
    refuses '1:31: error: file and file2 would write into the same file, ./x//y .*hint: file is at 1:20' \
        'parse json | tee { file x/y ; file ./x//y }'
    printf '%s\n' 'stages:' '  - tee:' '    - file: a.json' '    - {file: ./a.json, name: second}' >p.yaml
    refuses 'p.yaml:4:8: error: file and second .*file is at 3:7' check p.yaml
    : >a
    ln a b
    ln -s a c
    for p in 'tee { file a ; file b }' 'tee { file c append=true ; file b }' 'tee { file a ; file c }'; do
        cp_run "$p" <<<x
        assert_equal "$status" 4
        assert_stderr 'file \(pipeline:1:7\) and file2 \(pipeline:1:[0-9]+\) would write into the same file'
    done
    status=0
    chanpipe 'tee { file a ; filter line }' <<<x >a 2>err || status=$?
    assert_equal "$status" 4
    grep -q 'file (pipeline:1:7) and stdout would write into the same file' err
    for p in 'tee { file /dev/stdout ; filter line }' 'tee { file /dev/stdout append=true ; filter line }' \
        'tee { file /proc/self/fd/1 ; filter line }'; do
        status=0
        chanpipe "$p" <<<x >out 2>err || status=$?
        assert_equal "$status" 4
        grep -q 'file (pipeline:1:7) and stdout would write into the same file' err || fail "$p: $(cat err)"
    done
    echo before >out
    status=0
    chanpipe 'tee { file /dev/stdout ; filter line }' <<<x >>out 2>err || status=$?
    assert_equal "$status$(cat out)" 4before
}

@test "two sinks on one device, or on files of like names, are not" {
    gives 'x\n' 'x' 'tee { file /dev/null ; file /dev/null ; filter line }'
    gives 'x\n' 'x\nx' 'tee { file /dev/stdout ; filter line }'
    chanpipe 'tee { file /dev/stdout append=true ; filter line }' <<<x >>o
    assert_equal "$(<o)" $'x\nx'
    mkdir d
    gives 'x\n' 'x' 'tee { file x.log ; file d/x.log ; file x.log2 ; filter line }'
    assert_equal "$(cat x.log d/x.log)" $'x\nx'
}

@test "a reader that leaves ends all branches" {
    run --separate-stderr bash -c 'yes "{\"n\":1}" | "$CHANPIPE" "parse json | tee { filter n == 1 ; filter n == 2 | file x.json }" | head -3'
    assert_equal "$(wc -l <<<"$output")" 3
    [ -z "$stderr" ] || fail "$stderr"
}

# Numbered lines through every kind of way: none lost, repeated or out of order.
@test "order: branches, workers, capacities" {
    seq 1 20000 | sed 's/.*/{"n":&}/' >in.json
    for capacity in 1 2 64; do
        for w in 1 2 3; do
            export CHANPIPE_TEST_CAPACITY=$capacity
            cp_run -w $w 'parse json | route { n % 3 == 0 => set x = n .. "" ; n % 3 == 1 => filter n > 0 ; else => set y = upper("a") | unset y } | keep n' in.json
            assert_equal "$status" 0
            cmp -s in.json <(printf '%s\n' "$output") || fail "capacity $capacity, $w workers"
        done
    done
}

# Computed texts fill the arena, so that batches are split: above the branches, in them, in branches in branches.
@test "order: batches that are split" {
    seq 1 300 | awk '{ printf "{\"n\":%d,\"t\":\"abcdefghijklmnop\"}\n", $1 }' >in.json
    export CHANPIPE_TEST_CAPACITY=1
    local from='files in.json with max_line=100 | parse json' long='set x = t .. t .. t'
    gives '' '{"count":300}' "$from | $long | tee { filter n > 0 ; filter n < 0 } | count"
    gives '' '{"count":300}' "$from | $long | tee { filter n < 0 ; tee { filter n < 0 ; $long | filter n > 0 } } | count"
    for w in 1 2; do
        cp_run -w $w "$from | $long | route { n % 2 == 0 => route { n % 3 == 0 => $long } ; else => filter n > 0 } | keep n"
        assert_equal "$status" 0
        cmp -s <(jq -c '{n}' in.json) <(printf '%s\n' "$output") || fail "$w workers"
    done
}

@test "order: records that were sorted join in branches below" {
    gives "$numbers" '{"n":1}\n{"n":1}\n{"n":3}\n{"n":3}\n{"n":2}\n{"n":2}\n{"n":4}\n{"n":4}' \
        'parse json | sort s | tee { filter n > 0 ; filter n > 0 } | keep n'
}

@test "a sort in a branch does not stop the others: what joins above branches" {
    seq 1 300 | sed 's/.*/{"n":&}/' >in.json
    export CHANPIPE_TEST_BLOCK=61 CHANPIPE_TEST_BATCH=3 CHANPIPE_TEST_CAPACITY=1
    gives '' '{"count":1200}' 'files in.json | parse json | tee { filter n > 0 ; sort -n } | tee { filter n > 0 ; filter n < 999 } | count'
    gives '' '{"count":600}' 'files in.json | parse json | tee { filter n > 0 ; tail 300 | filter n > 0 with workers=3 } | count'
}

# What joins above parts again: several batches of the join are one batch of what parted above that.
@test "a join above a parting: nothing waits for ever, whatever the batches are" {
    seq 1 300 | sed 's/.*/{"n":&}/' >in.json
    export CHANPIPE_TEST_BLOCK=61 CHANPIPE_TEST_BATCH=3 CHANPIPE_TEST_CAPACITY=1
    local above='tee { filter n > 0 ; tee { filter n > 0 ; head 5 } | tee { filter n > 0 ; filter n > -1 } }'
    gives '' '{"count":910}' "files in.json | parse json | $above | route { n % 3 == 0 => filter n > -1 ; else => set n = n + 1 } | count"
    gives '' '{"count":1820}' "files in.json | parse json | $above | tee { filter n > 0 ; tee { head 999 ; filter n < 0 } } | count"
}

@test "a branch that has ended beside one that waits for the end, in a branch: nothing waits for it" {
    seq 1 300 | sed 's/.*/{"n":&}/' >in.json
    export CHANPIPE_TEST_BLOCK=61 CHANPIPE_TEST_BATCH=3
    for capacity in 0 1 4; do
        export CHANPIPE_TEST_CAPACITY=$capacity
        gives '' '{"count":304}' 'files in.json | parse json | tee { tee { tail 3 ; head 1 } ; filter n > 0 } | count'
        gives '' '{"count":309}' 'files in.json | parse json | tee { tee { tee { count ; head 5 } ; sort -n | head 3 } ; filter n > 0 } | count'
    done
}

@test "what is made at the end in branches of branches leaves last, branch by branch" {
    gives "$numbers" '{"n":3}\n{"n":4}\n{"n":4}\n{"n":3}\n{"n":2}\n{"n":1}\n{"count":4}\n{"n":1}' \
        'parse json | keep n | tee { sort -n ; tee { filter n > 2 ; count ; top 1 n | keep n } }'
}

@test "workers: the same bytes for any number of them" {
    seq 1 30000 | awk '{ printf "{\"n\":%d,\"k\":\"k%d\",\"t\":\"%s\"}\n", $1, ($1 * 7919) % 101, $1 % 10 ? "x" : "" }' >in.json
    for p in 'parse json | set x = k .. t | filter n % 7 != 3 | keep x, n' \
        'parse json | count by k | head 20' 'parse json | stats sum(n), first(n), last(n), p50(n), uniq(k), topk(k, 3), list(n) by t' \
        'parse json | top 5 k' 'parse json | filter n < 10 | count by k | sort -count' 'grep 99 | head 5' \
        'parse json | uniq k as key, n.x, t | skip 3' 'parse json | uniq t, missing' 'parse json | unset n | uniq' uniq \
        'parse json | keep k, t | tee { uniq t ; uniq k, t } | uniq | uniq k'; do
        one=$(chanpipe "$p" in.json | md5sum)
        for w in 2 3 8 auto; do
            assert_equal "$(chanpipe -w $w "$p" in.json | md5sum)" "$one"
        done
    done
}

@test "workers read from the source by themselves: every input, its end, and what it cannot read" {
    seq 1 40000 | sed 's/.*/{"n":&}/' >a.json
    seq 40001 90000 | sed 's/.*/{"n":&}/' >b.json
    gzip -k b.json
    cat a.json b.json >both
    for w in 2 3 8; do
        cp_run -w $w 'parse json | filter n > 0 | set f = _line' a.json b.json.gz
        assert_equal "$status" 0
        cmp -s <(awk '{ sub("}", ",\"f\":" (NR > 40000 ? NR - 40000 : NR) "}"); print }' both) <(printf '%s\n' "$output") || fail "$w workers"
        cp_run -w $w 'parse json | head 60000 | tail 2' <both
        assert_equal "$output" $'{"n":59999}\n{"n":60000}'
        cp_run -w $w 'parse json with order=false | stats sum(n) as s' a.json b.json
        assert_equal "$output" '{"s":4050045000}'
        CHANPIPE_TEST_BLOCK=61 CHANPIPE_TEST_BATCH=3 CHANPIPE_TEST_CAPACITY=1 cp_run -w $w --account acc 'parse json | filter n % 2 == 0 | count' a.json
        assert_equal "$output" '{"count":20000}'
    done
    head -c 50000 b.json.gz >cut.gz
    cp_run -w 3 'parse json | count' a.json cut.gz
    assert_equal "$status" 4
    assert_stderr 'cut.gz: the gzip data ends too early'
    cp_run -w 3 'parse json | count' a.json missing
    assert_equal "$status" 4
    assert_stderr 'missing'
    : >empty
    cp_run -w 3 -o json 'parse json | count' empty
    assert_equal "$output" '{"count":0}'
}

@test "large records: nobody waits for a block that somebody holds who was not told" {
    for i in $(seq 60); do head -c $((300000 + i * 1000)) /dev/zero | tr '\0' a; echo $i; done >big
    for i in $(seq 300); do head -c 600 /dev/zero | tr '\0' a; echo $i; done >small
    for _ in 1 2 3; do
        for p in 'files big' 'files big | parse line' 'files big | grep a' 'files big | sort line | grep /a/' \
            'files big | multiline /^[a-z]/ | grep /a/'; do
            for w in 1 3; do
                cp_run -w $w -o raw "$p"
                assert_equal "$status" 0
                cmp -s <(sort big) <(sort <<<"$output") || fail "$w workers: $p"
            done
        done
        CHANPIPE_TEST_BLOCK=256 cp_run -w 2 -o raw 'files small | grep /./ | parse line'
        cmp -s small <(printf '%s\n' "$output") || fail 'small blocks'
    done
}

@test "workers read from the source by themselves: what explain says" {
    cp_run explain -w 2 'parse json | filter a > 1' x.json
    grep -q '^ *files *source *- *Reads files, one after another; in' <<<"$output" || fail "$output"
    grep -q '2 threads in all' <<<"$output" || fail "$output"
    for p in 'parse json with capacity=0' 'parse json with when_full=fail' 'parse json with workers=1'; do
        cp_run explain -w 2 "$p" x.json
        grep -q '^ *files *source *1 ' <<<"$output" || fail "$p: $output"
    done
}

@test "order: workers between stages of one worker, in branches of branches" {
    seq 1 600 | sed 's/.*/{"n":&}/' >in.json
    export CHANPIPE_TEST_BATCH=21 CHANPIPE_TEST_CAPACITY=1
    gives '' "$(seq 6 600 | sed 's/.*/{"n":&}/')" -w 2 \
        'parse json | tee { filter n > 900 ; tee { filter n > 900 ; skip 5 | keep n } | set n = n } | keep n' in.json
}

# What leaves must not wait for the end, nor for a batch of every worker.
@test "uniq: what is new leaves at once, with workers too" {
    for w in 1 2 5; do
        mkfifo in$w out$w
        exec 7<>in$w
        timeout 60 "$CHANPIPE" -w $w 'parse json | uniq a' in$w >out$w &
        pid=$!
        exec 8<out$w
        for i in 1 2 3 4 5 6; do
            printf '{"a":%d}\n' 1 $i >in$w
            read -t 20 -r line <&8
            assert_equal "$line" "{\"a\":$i}"
        done
        kill $pid
        wait $pid || true
        exec 7>&- 8<&-
    done
}

@test "uniq: its two stages have names, and one position" {
    printf '%s\n' 'stages:' '  - parse: json' '  - uniq: a' '    workers: 2' '  - uniq: a' '    workers: 3' \
        '    name: two' '  - file: two.json' '  - count:' '    from: uniq' >p.yaml
    gives '{"a":1}\n{"a":1}\n' '{"count":1}' run p.yaml
    assert_equal "$(<two.json)" '{"a":1}'
    cp_run explain 'uniq with workers=3 | uniq'
    assert_equal "$(awk '$1 ~ /uniq/ && $3 ~ /^[0-9]/ { print $1, $3 } /^Fields/ { exit }' <<<"$output" | tr '\n' ' ')" 'uniq.part 3 uniq 1 uniq2 1 '
    cp_run check 'parse json | keep a | uniq b with workers=2'
    assert_equal "$(grep -c warning <<<"$output$stderr")" 1
    refuses 'max_memory is at least' check 'uniq a with workers=2 max_memory=1KiB'
    assert_equal "$(grep -c error: <<<"$stderr")" 1
}

@test "workers: auto is one on a single processor" {
    needs taskset
    workers() { awk '$1 == "filter" && NF > 5 && $3 ~ /^[0-9]+$/ { print $3; exit }'; }
    assert_equal "$(taskset -c 0 "$CHANPIPE" explain -w auto 'parse json | filter n > 1' | workers)" 1
    [ "$(nproc)" = 1 ] || [ "$(chanpipe explain -w auto 'parse json | filter n > 1' | workers)" -gt 1 ]
}

# unordered ARGS…: the same lines as in.json, in whatever order; balanced accounts.
unordered() {
    cp_run --account acc "$@" in.json
    [ "$status" = 0 ] && cmp -s <(sort in.json) <(sort <<<"$output") || fail "$* : status $status, $stderr, $(wc -l <<<"$output") lines"
    balanced
}

balanced() {
    assert_equal "$(jq -s 'map(select(if .stage then .in + .made != .out + .filtered + .dropped + .errored + .taken + .held
        else .sent != .received + .dropped + .cut end)) | length' acc)" 0
}

@test "order: false: nothing is lost or repeated, whatever the channels" {
    seq 1 20000 | sed 's/.*/{"n":&}/' >in.json
    for c in 0 1 4; do
        export CHANPIPE_TEST_CAPACITY=$c CHANPIPE_TEST_BATCH=97
        unordered 'parse json with workers=3 order=false | keep n'
        unordered 'parse json with workers=2 | filter n > 0 with workers=3 order=false | set x = n .. "" with workers=2 | keep n'
        unordered 'parse json with workers=5 order=false capacity=unbounded | route { n % 2 == 0 => set x = n ; n % 3 == 0 => filter n > 0 } | keep n with workers=2'
        unordered 'parse json with workers=2 order=false | uniq n with workers=2 | tee { filter n > 0 ; discard }'
        unordered -w 2 'parse json with order=false | dedupe | filter n > 0 with when_full="sample 1" order=false'
    done
}

@test "order: false: aggregates are the same" {
    seq 1 20000 | awk '{ printf "{\"n\":%d,\"k\":\"k%d\"}\n", $1, ($1 * 7919) % 31 }' >in.json
    export CHANPIPE_TEST_BATCH=50
    for p in 'count by k' 'stats sum(n), first(n), last(n), min(n), p50(n) by k' 'uniq k' 'top 40 k'; do
        for w in 1 3; do
            assert_equal "$(chanpipe "parse json with workers=4 order=false | $p with workers=$w order=false" in.json | sort | md5sum)" \
                "$(chanpipe "parse json | $p" in.json | sort | md5sum)"
        done
    done
}

@test "order: false: ends and failures" {
    run bash -c 'yes "{\"n\":1}" | timeout 60 "$CHANPIPE" -w 3 "parse json with order=false | filter n == 1 | head 3"'
    assert_output $'{"n":1}\n{"n":1}\n{"n":1}'
    run bash -c 'yes "{\"n\":1}" | timeout 60 "$CHANPIPE" "parse json with workers=4 order=false" | head -2'
    assert_output $'{"n":1}\n{"n":1}'
    [ -w /dev/full ] || skip 'no /dev/full'
    run bash -c 'yes "{\"n\":1}" | timeout 60 "$CHANPIPE" --account acc "parse json with workers=4 order=false | tee { file /dev/full ; discard }"'
    assert_equal "$status" 4
    balanced
}

@test "order: false: one channel for all workers, down to the next stage with one; what explain says" {
    cp_run explain 'parse json with workers=3 | filter n > 0 with workers=2 order=false | set x = 1 with workers=4 | head | set y = 1 with workers=2'
    assert_equal "$(awk '/^Channels/ { on = 1; next } /^$/ { on = 0 } on && $1 != "from" { printf "%s>%s:%s%s%s ", $1, $2, $3, $4, $5 }' <<<"$output")" \
        'stdin>parse:3x4 parse>filter:4batcheswait filter>set:4batcheswait set>head:4batcheswait head>set2:2x4 set2>stdout:2x4 '
    grep -q 'parse, set2: in turns' <<<"$output"
    grep -q 'filter, set: each takes what comes next' <<<"$output"
}

@test "order: false: not where the order is needed" {
    seq 1 3000 | sed 's/.*/{"n":&}/' >in.json
    export CHANPIPE_TEST_BATCH=50
    cp_run check 'parse json | tee { filter n > 0 with workers=2 order=false ; keep n }'
    assert_equal "$status" 0
    grep -q '1:20: warning: order: false of filter is not heeded: its records come together' <<<"$stderr$output"
    cp_run 'parse json | route { n % 2 == 0 => set n = n with workers=3 order=false ; else => keep n } | keep n' in.json
    cmp in.json <(printf '%s\n' "$output")
    cp_run check 'grep a with workers=2 order=false | multiline indent'
    grep -q '1:1: warning: order: false of grep is not heeded: multiline below needs the order' <<<"$stderr$output"
    cp_run 'filter line with workers=3 order=false | multiline start=/1}$/ separator=+ max_lines=999' in.json
    assert_equal "$output" "$(chanpipe 'multiline start=/1}$/ separator=+ max_lines=999' in.json)"
    cp_run check 'parse json with order=false workers=2 | tee { filter n > 0 ; keep n }'
    [[ "$stderr$output" != *heeded* ]]
}

@test "workers: where they can be" {
    refuses '1:21: error: head has one worker' 'head 1 with workers=2'
    refuses 'workers is a number from 1 to 64, or auto' 'filter a with workers=x'
    refuses 'on_error: stop a stage has one worker' 'parse json with workers=2 on_error=stop'
    refuses '-w cannot be 0' -w 0 'head'
}

@test "random pipelines: a few of those of make stress" {
    needs jq
    run "$ROOT/test/stress/run" 1 8
    assert_equal "$status" 0
}

@test "numbered lines through every number of stages, workers and capacity" {
    LINES_OF=2000 run "$ROOT/test/stress/matrix"
    assert_equal "$status" 0
}

@test "rename to a name that a stage above took away, in records of branches that differ" {
    gives "$numbers" '{"n":1,"x":"a"}\n{"count":1}' 'parse json | head 1 | tee { unset x ; count } | unset x | rename s to x'
}

@test "raw output of branches that differ: each record's own bytes, or its values" {
    local lines='1\n2\n'
    gives "$lines" '1\n2' -o raw 'tee { count ; grep 1 }'
    gives "$lines" '1\t1\n1\n2\t1\n2' 'tee { set b=1 ; keep line }'
    gives "$lines" '1\n1\n2' 'tee { grep 1 ; grep -v 9 }'
    gives '{"n": 1}\n' '{"n": 1}\n{"n": 1,"x":2}\n{"n":1}' -o raw 'parse json | tee { filter n > 0 ; set x = 2 ; keep n }'
    gives "a  b\n" 'a  b' 'tee { grep a ; set x = 1 | keep line } | dedupe'
}

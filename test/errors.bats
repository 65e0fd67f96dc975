# What becomes of records that fail: to a file, to a stage, and how many may.
load helper
bats_require_minimum_version 1.5.0

# tiny COMMAND…: with blocks of 61 bytes, batches of 3 records and channels of one batch.
tiny() {
    CHANPIPE_TEST_BLOCK=61 CHANPIPE_TEST_BATCH=3 CHANPIPE_TEST_CAPACITY=1 "$@"
}

# balanced: every stage and every edge of the account `acc`.
balanced() {
    assert_equal "$(jq -s 'map(select(.stage and .in + .made != .out + .filtered + .dropped + .errored + .taken + .held)) | length' acc)" 0
    assert_equal "$(jq -s 'map(select(.edge and .sent != .received + .dropped + .cut)) | length' acc)" 0
}

# term STAGE TERM: a number of the account.
term() {
    jq -r --arg s "$1" "select(.stage == \$s) | .$2" acc
}

# mixed N FILE: N lines, of which every 5th is no JSON and every 7th has a 0 in a.
mixed() {
    seq 1 "$1" | awk '{ if ($1 % 5 == 0) printf "bad %d\n", $1; else printf "{\"n\":%d,\"a\":%d}\n", $1, $1 % 7 }' >"$2"
}

# ---- To a file ----

@test "to a file: place, stage, reason and the exact bytes" {
    printf '{"a":1}\n{bad "x" \\ \t\n{"a":0}\n' >in
    cp_run 'parse json with on_error={to: r.jsonl} | set b = 1 / a with on_error={to: r.jsonl}' in
    assert_equal "$status" 0
    assert_equal "$output" '{"a":1,"b":1}'
    assert_equal "$(jq -c . r.jsonl)" '{"file":"in","line":2,"offset":8,"stage":"parse","reason":"expected a key in quotes","raw":"{bad \"x\" \\ \t"}
{"file":"in","line":3,"offset":21,"stage":"set","reason":"division by zero","raw":"{\"a\":0}"}'
    assert_stderr '^chanpipe: parse: 1 of 3 records failed and went to r.jsonl \(first: in:2: '
    assert_stderr '^chanpipe: set: 1 of 2 records failed and went to r.jsonl \(first: in:3: division by zero\)'
}

@test "to a file: every byte comes back" {
    LC_ALL=C awk 'BEGIN { for (i = 0; i < 256; i++) if (i != 10) printf "a%cb\n", i; printf "%c%c\n", 195, 169; printf "x\r\n\ty\r\r\n\r\n\n" }' >in
    for w in 1 2 3; do
        tiny cp_run -q -w $w 'parse regex "^(?<never>zzz)$" with on_error={to: r.jsonl}' in
        assert_equal "$status" 0
        jq -c . r.jsonl >/dev/null || fail "no JSON: $(cat r.jsonl)"
        for size in tiny ''; do
            $size chanpipe run -w $w --retry -o raw 'sort _line | filter true' r.jsonl >back
            cmp <(grep -av $'^\r*$' in) back
        done
    done
}

@test "to a file: the same pipeline, repaired, over what failed gives what was missing" {
    mixed 200 in
    for w in 1 2 3; do
        for size in tiny ''; do
            $size cp_run --account acc -w $w 'parse json with on_error={to: r.jsonl} | set b = 1 / a with on_error={to: r.jsonl} | keep n, b' in
            assert_equal "$status" 0
            balanced
            printf '%s\n' "$output" >first
            assert_equal "$(wc -l <r.jsonl)" "$((200 - $(wc -l <first)))"
            assert_equal "$(term parse errored)" 40
            assert_equal "$(term set rejected)" "$(grep -c division r.jsonl)"
            $size cp_run -w $w --retry 'parse regex /(?<n>\d+)/ | parse json from _raw with on_error=keep | set b = if(a == 0, null, 1 / a), at = _line, n = int(n) | keep n, b, at' r.jsonl
            jq -c 'select(.n != .at)' <<<"$output" | assert_empty
            printf '%s\n' "$output" | jq -c '.n' | sort -n >second
            cmp <(seq 1 200) <(jq .n first | sort -n - second)
        done
    done
}

assert_empty() {
    local text
    text=$(cat)
    [ -z "$text" ] || fail "$text"
}

@test "to a file: workers and stages write one file and no line is torn" {
    seq 1 3000 | awk '{ printf "bad %d %s\n", $1, $1 % 100 == 0 ? sprintf("%2000s", "x") : "" }' >in
    cp_run -q --account acc -w 3 'tee { parse json with on_error={to: r.jsonl} ; parse logfmt with on_error={to: ./r.jsonl} | set q = int(bad) with on_error={to: r.jsonl} } | discard' in
    assert_equal "$status" 0
    balanced
    assert_equal "$(jq -r .stage r.jsonl | sort | uniq -c | awk '{ print $1 }' | head -1)" 3000
    jq -r 'select(.stage == "parse") | .raw' r.jsonl | sort | cmp - <(sort in)
}

@test "to a file: a line larger than all buffers is one line" {
    head -c 700000 /dev/zero | tr '\0' '\377' >in
    printf '\nbad\n' >>in
    cp_run -q 'parse json with on_error={to: r.jsonl}' in
    assert_equal "$(wc -l <r.jsonl)" 2
    chanpipe --retry -o raw 'filter true' r.jsonl | cmp - in
}

@test "to a file: rows of csv over several lines, with the header of their file" {
    printf 'a,b\n1,"x\ny"\n2\n"3\n","q",1\n4,z\n' >one.csv
    printf 'b,a\r\n5\r\nw,6\r\n7\r\n' >two.csv
    for w in 1 2 3; do
        tiny cp_run -q -w $w 'parse csv with on_error={to: r.jsonl}' one.csv two.csv
        assert_equal "$output" '{"a":1,"b":"x\ny"}
{"a":4,"b":"z"}
{"b":"w","a":6}'
        tiny cp_run -q --retry -w $w 'parse csv with on_error={to: bad} | discard | bad: keep line, _error, _file as f, _line as l, _offset as o | sort f, l' r.jsonl
        assert_equal "$output" '{"line":"2","_error":"fewer cells than the header has","f":"one.csv","l":4,"o":12}
{"line":"\"3\n\",\"q\",1","_error":"more cells than the header has","f":"one.csv","l":5,"o":14}
{"line":"5","_error":"fewer cells than the header has","f":"two.csv","l":2,"o":5}
{"line":"7","_error":"fewer cells than the header has","f":"two.csv","l":4,"o":13}'
        # The records again, each by the names of its own file.
        sed -i 's/"raw":"\([57]\)"/"raw":"\1,r"/; s/"raw":"2"/"raw":"2,s"/; s/,1"}/"}/' r.jsonl
        tiny cp_run --retry -w $w 'parse csv | sort _file, _line | keep a, b' r.jsonl
        assert_equal "$output" '{"a":2,"b":"s"}
{"a":"3\n","b":"q"}
{"a":"r","b":5}
{"a":"r","b":7}'
    done
}

@test "to a file: what failed twice is as it was the first time" {
    printf '{"a":1}\nbad\n\377\r\n' >in
    cp_run -q 'parse json with on_error={to: one.jsonl}' in
    cp_run -q --retry 'parse json with on_error={to: two.jsonl}' one.jsonl
    cmp one.jsonl two.jsonl
}

@test "to a file: compressed input, and a compressed rejects file" {
    mixed 50 in
    gzip -k in
    cp_run -q 'parse json with on_error={to: r.jsonl}' in.gz
    gzip r.jsonl
    cp_run --retry 'keep line' r.jsonl.gz
    assert_equal "$output" "$(grep bad in)"
}

@test "to a file: records that a stage made, and that cannot be tried again" {
    printf '{"a":0}\n{"a":2}\n' >in
    cp_run 'parse json | count by a | set b = 1 / a with on_error={to: r.jsonl}' in
    assert_equal "$output" '{"a":2,"count":1,"b":0.5}'
    assert_equal "$(cat r.jsonl)" '{"stage":"set","reason":"division by zero","record":{"a":0,"count":1}}'
    cp_run --retry --account acc 'parse json' r.jsonl
    assert_equal "$status" 0
    assert_stderr 'files: 1 of 1 record skipped \(first: r.jsonl:1: a record that a stage made cannot be tried again\)'
    balanced
}

@test "to a file: records of branches, some of them made" {
    printf '{"a":0}\n{"a":0}\n' >in
    tiny cp_run -q --account acc 'parse json | tee { count by a ; filter a == 0 } | set b = 1 / a with on_error={to: r.jsonl}' in
    balanced
    assert_equal "$(cat r.jsonl)" '{"file":"in","line":1,"offset":0,"stage":"set","reason":"division by zero","raw":"{\"a\":0}"}
{"file":"in","line":2,"offset":8,"stage":"set","reason":"division by zero","raw":"{\"a\":0}"}
{"stage":"set","reason":"division by zero","record":{"a":0,"count":2}}'
}

@test "to a file: lines that are too long leave their place" {
    printf 'short\n%0100d\nlast\n' 1 >in
    CHANPIPE_TEST_BLOCK=61 cp_run --account acc 'files in with max_line=20 on_error={to: r.jsonl}'
    assert_equal "$output" $'short\nlast'
    assert_equal "$(cat r.jsonl)" '{"file":"in","line":2,"offset":6,"stage":"files","reason":"record longer than max_line (20 bytes)"}'
    balanced
    cp_run --retry -e 'head' r.jsonl
    assert_stderr 'the bytes of this record are not in the rejects file'
}

@test "to a file: what is no rejects file is counted, not lost" {
    printf 'no\n{"file":"x"}\n{"file":1}\n\n{"file":"x","raw_b64":"?"}\n{"file":"x","raw":"yes"}\n' >r
    cp_run --account acc --retry -e 'head' r
    assert_equal "$output" yes
    assert_stderr 'files: 5 of 6 records skipped \(first: r:1: not a line of a rejects file\)'
    balanced
    printf '{"file":"x","raw":"a,b"}\n' >r
    cp_run --retry 'parse csv' r
    assert_stderr 'there is no header beside this record'
    refuses 'records of a rejects file have no beginning' --retry 'parse auto' r
}

@test "to a file: sinks, grep and parse from" {
    printf '{"a":1}\n{"a":2,"b":3}\n' >in
    cp_run --account acc 'parse json | file out.csv with new_fields=error on_error={to: r.jsonl}' in
    assert_equal "$status" 0
    assert_equal "$(cat out.csv)" $'a\n1'
    assert_equal "$(jq -r .stage,.raw r.jsonl)" $'file\n{"a":2,"b":3}'
    balanced
    cp_run 'parse json | parse json from a as x_ with on_error={to: r.jsonl}' < <(printf '{"a":"{"}\n')
    assert_equal "$(jq -r .file,.stage,.raw r.jsonl)" $'-\nparse2\n{"a":"{"}'
}

@test "to a file: full, unwritable, read by the pipeline" {
    mixed 2000 in
    [ -w /dev/full ] || skip 'no /dev/full'
    for w in 1 3; do
        cp_run --account acc -w $w 'parse json with on_error={to: /dev/full} | file out' in
        assert_equal "$status" 4
        assert_stderr '^chanpipe: parse: cannot write /dev/full after 0 bytes: No space left'
        balanced
    done
    cp_run 'parse json with on_error={to: no/such/folder}' in
    assert_equal "$status" 4
    assert_stderr 'cannot write no/such/folder: No such file'
    cp_run 'parse json with on_error={to: ./in}' in
    assert_equal "$status" 4
    assert_stderr 'cannot write ./in: the pipeline reads this file'
    assert_equal "$(wc -l <in)" 2000
}

@test "to a file: one that exists is replaced, also when nothing fails" {
    echo old >r.jsonl
    gives '{"a":1}\n' '{"a":1}' 'parse json with on_error={to: r.jsonl}'
    [ -e r.jsonl ] && [ ! -s r.jsonl ]
}

@test "to a file: as a default, of all stages" {
    printf '%s\n' 'defaults: {on_error: {to: "${where:-r.jsonl}"}}' 'stages:' '  - parse: json' '  - tee:' '      - [set b = 1 / a, file x.json]' \
        '      - [filter a > 0]' >p.yaml
    printf '{"a":0}\nbad\n{"a":1}\n' >in
    cp_run -q p.yaml in
    assert_equal "$output" '{"a":1}'
    assert_equal "$(cat x.json)" '{"a":1,"b":1}'
    assert_equal "$(jq -r .stage r.jsonl | sort)" $'parse\nset'
}

# ---- To a stage ----

@test "to a stage: the record as it came, with _error; a line, where it did not parse" {
    printf '{"a":1}\n{bad\n{"a":0}\n\377\n' >in
    for w in 1 2 3; do
        for size in tiny ''; do
            $size cp_run --account acc -w $w 'parse json with on_error={to: bad} | set b = 1 / a with on_error={to: bad} | file good.json | bad: set at = _line | sort at' in
            assert_equal "$status" 0
            assert_equal "$output" '{"line":"{bad","_error":"expected a key in quotes","at":2}
{"a":0,"_error":"division by zero","at":3}
{"line":"�","_error":"expected a value","at":4}'
            assert_equal "$(cat good.json)" '{"a":1,"b":1}'
            assert_stderr '^chanpipe: parse: 2 of 4 records failed and went to bad \(first: in:2: '
            balanced
            assert_equal "$(term parse out) $(term parse errored) $(term parse rejected)" '4 0 2'
        done
    done
}

@test "to a stage: filters, aggregates, sort, route and sinks" {
    printf '{"a":1}\n{"a":0}\n{"a":2}\n{"a":"x"}\n' >in
    for w in 1 2 3; do
        for size in tiny ''; do
            for s in 'filter 2 / a > 1.5' 'count by 2 / a as k | keep k' 'stats sum(2 / a) as k' 'sort -(2 / a) | keep a' \
                'route { 2 / a > 1 => keep a ; else => unset b }'; do
                $size cp_run -q --account acc -w $w "parse json | ${s/ |/ with on_error={to: bad\} |} $([[ $s = *'|'* ]] || echo 'with on_error={to: bad}') | file good | bad: keep a, _error" in
                [ "$status" = 0 ] || fail "$s: $stderr"
                assert_equal "$output" '{"a":0,"_error":"division by zero"}
{"a":"x","_error":"not a number"}'
                balanced
            done
            assert_equal "$(cat good)" $'{"a":1}\n{"a":2}'
        done
    done
    cp_run -q --account acc 'parse json | set b = if(a == 2, 1, null) | route { a == 2 => unset b | set c = 1 ; else => keep a } | file x.csv with new_fields=error on_error={to: bad} | bad: head' in
    assert_equal "$output" '{"a":2,"c":1,"_error":"a field has no column (new_fields: error)"}'
    balanced
}

@test "to a stage: failing stages in branches" {
    mixed 300 in
    printf '%s\n' 'stages:' '  - route:' '      - when: line =~ /bad/' '        do: [{parse: json, on_error: {to: bad}}, {file: none.json}]' \
        '      - else: [{parse: json, on_error: {to: bad}}, {set: b = 1 / a, on_error: {to: bad}}]' \
        '  - file: good.json' '  - {name: bad, keep: "_line as at, _error"}' '  - sort: at' >p.yaml
    for w in 1 2 3; do
        for size in tiny ''; do
            $size cp_run -q --account acc -w $w p.yaml in
            assert_equal "$status" 0
            balanced
            cmp <(awk '/bad/ || /"a":0/ { print NR }' in) <(jq .at <<<"$output")
            assert_equal "$(($(wc -l <good.json) + $(wc -l <<<"$output")))" 300
            [ ! -s none.json ]
        done
    done
}

@test "to a stage: below, in the same branch, from where its records come together with the others in order" {
    mixed 300 in
    for w in 1 2 3; do
        for size in tiny ''; do
            $size cp_run -q --account acc -w $w 'tee { parse json with on_error={to: bad} | discard | bad: keep _line as at, _error ; parse json with on_error={to: /dev/null} | skip 2 | keep n as at } | keep at' in
            assert_equal "$status" 0
            balanced
            cmp <(seq 3 300) <(jq .at <<<"$output")
        done
    done
}

@test "to a stage: repaired records come back to the others, in any order or in that of the input" {
    mixed 300 in
    printf '%s\n' 'stages:' '  - {parse: json, on_error: {to: bad}}' '  - {keep: n, name: good}' '  - {name: bad, set: n = _line}' '  - {keep: n, name: fixed}' \
        '  - {keep: n, from: [good, fixed]}' >p.yaml
    sed 's/{keep: n, from/{merge: , by: order, from/' p.yaml >order.yaml
    for w in 1 3; do
        for size in tiny ''; do
            $size cp_run -q --account acc -w $w p.yaml in
            cmp <(seq 1 300) <(jq .n <<<"$output" | sort -n)
            balanced
            $size cp_run -q --account acc -w $w order.yaml in
            cmp <(seq 1 300) <(jq .n <<<"$output")
            balanced
        done
    done
    printf '%s\n' 'stages:' '  - {parse: json, on_error: {to: bad}}' '  - {set: b = 1 / a, on_error: {to: bad}}' '  - discard' '  - {merge: , by: order, name: bad}' \
        '  - keep: _line as at' >p.yaml
    for size in tiny ''; do
        $size cp_run -q --account acc -w 3 p.yaml in
        cmp <(awk '/bad/ || /"a":0/ { print NR }' in) <(jq .at <<<"$output")
        balanced
    done
    printf '%s\n' 'stages:' '  - parse: json' '  - {count by 1 / n as k: , on_error: {to: bad}, name: all}' '  - name: bad' '    keep: n' '  - {merge: , by: order, from: [all, bad]}' >p.yaml
    sed -i 's/{count by 1 \/ n as k: ,/{count: by 1 \/ n as k,/' p.yaml
    refuses 'the records cannot come together in order: those that all makes are others' check p.yaml
}

@test "to a stage: one that ends early ends nobody else; one that is not wanted loses nothing silently" {
    mixed 3000 in
    for w in 1 2; do
        cp_run -q --account acc -w $w 'parse json with on_error={to: bad} | file good.json | bad: head 1 | keep line' in
        assert_equal "$status" 0
        assert_equal "$output" '{"line":"bad 5"}'
        assert_equal "$(wc -l <good.json)" 2400
        balanced
        cp_run -q --account acc -w $w 'parse json with on_error={to: bad} | head 1 | file good.json | bad: count' in
        assert_equal "$output" '{"count":600}'
        balanced
    done
    cp_run -q --account acc 'parse json | file x.csv with new_fields=error on_error={to: bad} | bad: head 1 | keep n' < <(printf '{"n":1}\n'; seq 2 3000 | sed 's/.*/{"n":&,"m":1}/')
    assert_equal "$output" '{"n":2}'
    balanced
}

@test "to a stage: its channel has policies of its own" {
    mixed 3000 in
    cp_run -q --account acc 'parse json with on_error={to: bad} | file good.json | bad: count with when_full=drop_new capacity=1' in
    assert_equal "$status" 0
    balanced
    assert_equal "$(jq '.dropped' <(jq -c 'select(.edge == "parse -> bad")' acc))" "$((600 - $(jq .count <<<"$output")))"
    refuses 'when_full of bad needs one worker' -e 'parse json with workers=2 on_error={to: bad} | discard | bad: count with when_full=drop_new'
}

@test "to a stage: mistakes in the plan" {
    refuses '1:31: error: there is no stage named bad below parse.*a file has a dot or a slash' 'parse json with on_error={to: bad} | head'
    refuses 'there is no stage named bat below parse.*did you mean bad' 'parse json with on_error={to: bat} | discard | bad: head'
    refuses 'a cannot take what fails in set: it does not stand below' 'parse json | a: head | set x = 1 with on_error={to: a}'
    refuses 'there is no stage named file below parse' 'parse json with on_error={to: file} | file x'
    refuses 'nobody reads what comes out of parse' 'parse json with on_error={to: bad} | bad: head'
    refuses 'files cannot send records that fail to a stage' 'files x with on_error={to: bad} | discard | bad: head'
    refuses 'multiline lets every line go on: none can go to bad' 'multiline java with on_error={to: bad} | discard | bad: head'
    printf '%s\n' 'defaults: {on_error: {to: bad}}' 'stages: [parse json, discard, {name: bad, head: 1}]' >p.yaml
    refuses 'p.yaml:1:27: error: a stage for failed records cannot be the default' check p.yaml
    refuses 'on_error is skip, keep, stop or \{to: NAME or FILE\}' 'parse json with on_error=to:x.jsonl'
    refuses 'on_error is skip, keep, stop or \{to: NAME or FILE\}' 'parse json with on_error={from: x}'
    refuses '- is no file' 'parse json with on_error={to: -}'
}

@test "to a stage and to a file: convert, graph, explain" {
    local text='parse json with on_error={to: bad} | file x.json with on_error={to: r.jsonl} max_errors=0.5% | bad: head'
    chanpipe convert "$text" >p.yaml
    assert_equal "$(cat p.yaml)" 'stages:
  - parse: json
    on_error: {to: bad}
  - file: x.json
    on_error: {to: r.jsonl}
    max_errors: 0.5%
  - head:
    name: bad'
    assert_equal "$(chanpipe convert p.yaml)" "$text"
    assert_equal "$(chanpipe graph --format ascii p.yaml)" 'stdin -> parse
|- file
`- failed -> bad -> stdout'
    cp_run explain p.yaml
    grep -q '^  parse  *go to bad$' <<<"$output"
    grep -q '^  file  *are written to r.jsonl; more than 0.5% end the$' <<<"$output"
    grep -q '^  parse, failed  *bad ' <<<"$output"
}

@test "to a file: one that cannot be written is not said to have the records" {
    printf 'x\n{"a":1}\ny\n' >in
    cp_run 'parse json with on_error={to: /dev/full}' in
    assert_equal "$status" 4
    assert_stderr 'parse: cannot write /dev/full'
    assert_stderr 'parse: 2 of 3 records failed; not all of them are in /dev/full \(first: in:1: '
    ! grep -q 'went to' <<<"$stderr"
}

@test "to a file: check refuses one that a sink writes, not one that two stages share" {
    refuses 'parse and file would write into the same file, x.j .*give each a file of its own' check 'parse json with on_error={to: x.j} | file x.j'
    refuses 'file and parse would write into the same file, ./x.j ' check 'tee { file x.j } | parse json with on_error={to: ./x.j}'
    refuses 'file and file would write into the same file, x.j ' check 'parse json | file x.j with on_error={to: x.j}'
    for same in 'parse json with on_error={to: x.j} | set a = 1 / b with on_error={to: ./x.j}' 'parse json with on_error={to: /dev/null} | file /dev/null'; do
        cp_run check "$same"
        assert_equal "$status" 0
    done
}

# ---- How many may fail ----

@test "max_errors: one more than so many ends the pipeline, with the first cause" {
    mixed 100 in
    for size in tiny ''; do
        $size cp_run --account acc 'parse json with max_errors=3 | keep n' in
        assert_equal "$status" 3
        assert_equal "$stderr" 'chanpipe: parse: more than 3 records failed (first: in:5: expected a value)'
        assert_equal "$output" "$(seq 1 19 | awk '$1 % 5 { printf "{\"n\":%d}\n", $1 }')"
        balanced
    done
    cp_run -q 'parse json with max_errors=20 | count' in
    assert_equal "$status $output" '0 {"count":80}'
    cp_run -q 'parse json with max_errors=19 | count' in
    assert_equal "$status $output" '3 {"count":80}'
}

@test "max_errors: whatever on_error makes of a failed record" {
    seq 0 9 | sed 's/.*/{"a":&}/' >in
    seq 0 9 | sed 's/.*/{"a":0}/' >>in
    for e in default skip keep '{to: r.jsonl}' '{to: bad}'; do
        tiny cp_run --account acc "parse json | set b = 1 / a with max_errors=2 on_error=$e | file good.json | bad: keep a, _error, b" in
        if [ "$e" = '{to: bad}' ]; then
            assert_equal "$status" 3
            assert_equal "$(wc -l <<<"$output")" 3
        else
            assert_equal "$status" 2
            tiny cp_run --account acc "parse json | set b = 1 / a with max_errors=2 on_error=$e | keep a, b" in
            assert_equal "$status" 3
            [[ $e = default || $e = keep ]] && n=11 || n=9
            assert_equal "$(wc -l <<<"$output")" $n
        fi
        assert_stderr 'set: more than 2 records failed \(first: in:1: division by zero\)'
        balanced
    done
    assert_equal "$(wc -l <r.jsonl)" 3
}

@test "max_errors: a share, from 1000 records on and at the end" {
    mixed 5000 in
    cp_run 'parse json with max_errors=10% | count' in
    assert_equal "$status" 3
    assert_equal "$output" '{"count":800}'
    assert_equal "$stderr" 'chanpipe: parse: 200 of 1000 records failed, more than 10% (first: in:5: expected a value)'
    tiny cp_run 'parse json with max_errors=10% | count' in
    assert_equal "$status $output" '3 {"count":800}'
    head -100 in >few
    cp_run 'parse json with max_errors=10% | count' few
    assert_equal "$status" 3
    assert_equal "$output" '{"count":80}'
    assert_stderr 'parse: 20 of 100 records failed, more than 10% '
    for share in 20% 20.0% 100%; do
        cp_run -q "parse json with max_errors=$share | count" in
        assert_equal "$status $output" '0 {"count":4000}'
    done
    cp_run -q 'parse json with max_errors=19.99% | count' in
    assert_equal "$status" 3
}

@test "max_errors: sinks, sources and lines of multiline" {
    cp_run --account acc 'parse json | file x.csv with new_fields=error max_errors=1' < <(printf '{"a":1}\n'; seq 1 9 | sed 's/.*/{"a":1,"b":2}/')
    assert_equal "$status" 3
    assert_stderr 'file: more than 1 record failed'
    balanced
    printf 'a\n%040d\nb\n%040d\nc\n' 1 2 >in
    for size in tiny ''; do
        $size cp_run --account acc 'files in with max_line=20 max_errors=1'
        assert_equal "$status" 3
        assert_equal "$output" $'a\nb'
        balanced
    done
    cp_run 'files in with max_line=20 on_error=stop'
    assert_equal "$status $output" '3 a'
}

@test "max_errors: every record is looked at, one worker" {
    printf '{"a":1}\nbad\n{"a":2}\n' >in
    cp_run 'parse json with max_errors=0 | filter a == 2' in
    assert_equal "$status" 3
    refuses 'with max_errors a stage has one worker' 'parse json with workers=2 max_errors=1'
    refuses 'on_error: stop ends with the first error' 'parse json with on_error=stop max_errors=1'
    for bad in x 101% -1 % 1x; do
        refuses 'max_errors is a number of records' "parse json with max_errors=$bad"
    done
    cp_run -w 3 'parse json with max_errors=0' in
    assert_equal "$status" 3
}

@test "a regex that gives up counts against max_errors in multiline" {
    printf 'x\n%s!\ny\n%s!\nz\n' "$(head -c 50 /dev/zero | tr '\0' a)" "$(head -c 50 /dev/zero | tr '\0' a)" >in
    cp_run 'multiline start="^(a+)+$" with max_errors=2 | count' in
    assert_equal "$status" 0
    cp_run --account acc 'multiline start="^(a+)+$" with max_errors=1' in
    assert_equal "$status" 3
    assert_stderr 'multiline: more than 1 record failed \(first: in:2: '
    balanced
}

@test "failed records count for --strict and not for -x" {
    printf 'bad\n' >in
    cp_run --strict -q 'parse json with on_error={to: r.jsonl}' in
    assert_equal "$status" 3
    cp_run --strict -q 'parse json with on_error={to: bad} | discard | bad: head' in
    assert_equal "$status" 3
    cp_run -x -q 'parse json with on_error={to: r.jsonl}' in
    assert_equal "$status" 1
}

@test "max_errors: records that wait are seen once" {
    seq 1 1200 | awk '{ printf "{\"n\":%d,\"k\":%s}\n", $1, $1 % 10 ? 1 : 0 }' >in
    cp_run --account acc 'parse json | throttle 400 per 5ms by 1 / k with wait=true max_errors=10%' in
    assert_equal "$status" 0
    balanced
    cp_run --account acc 'parse json | throttle 400 per 5ms by 1 / k with wait=true max_errors=9% on_error=skip | count' in
    assert_equal "$status" 3
    assert_stderr 'throttle: 100 of 1000 records failed, more than 9% '
    balanced
}

@test "to a stage: what fails in workers without turns goes on without any" {
    mixed 300 in
    for w in 2 3; do
        tiny cp_run -q --account acc -w $w 'parse json with on_error=skip | count by 1 / a as k with order=false on_error={to: bad} | file good | bad: set x = 1 | set y = 2 | keep n | sort n' in
        assert_equal "$status" 0
        cmp <(jq .n <<<"$output") <(grep '"a":0' in | jq .n)
        balanced
        tiny cp_run -q --account acc -w $w 'parse json with order=false on_error={to: bad} | set b = 1 / a with on_error={to: bad} | file good | bad: set at = _line | set b = 1 | keep at | sort at' in
        cmp <(jq .at <<<"$output") <(awk '/bad/ || /"a":0/ { print NR }' in)
        balanced
    done
}

# What the manual promises, where other tools are known to fail.
load helper
bats_require_minimum_version 1.5.0

# bound PIPELINE FILE: KiB that explain says the pipeline takes at most.
bound() {
    chanpipe explain "$1" "$2" | awk '/^ *together/ { print int($2 * ($3 == "GiB" ? 1048576 : $3 == "MiB" ? 1024 : 1)) }'
}

# stays_within BOUND PID: its resident set never was larger.
stays_within() {
    is_sanitized && return
    local peak
    peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$2/status")
    [ "$peak" -le "$1" ] || fail "$peak KiB, explain says $1 KiB"
}

balances() {
    jq -se 'map(select(if .stage then .in + .made != .out + .filtered + .dropped + .errored + .taken + .held
        else .sent != .received + .dropped + .cut end)) | length == 0' "$1" >/dev/null || fail "$(cat "$1")"
}

@test "the first cause: a stage in the middle fails; it is named once, all threads end, the sinks have all that came before" {
    seq 2000 | sed 's/.*/{"n":&}/' >in.json
    for batch in 3 64 2048; do
        for w in 1 2; do
            export CHANPIPE_TEST_BATCH=$batch
            rm -f side.json
            cp_run -w $w --grace 1h --account account 'parse json | set a = n | tee { file side.json } | bad: set b = 1 / (n - 500) with on_error=stop | filter n > 0 | keep n' in.json
            assert_equal "$status" 3
            assert_equal "$(grep -c 'division by zero' <<<"$stderr")" 1
            [[ $stderr == 'chanpipe: bad: in.json:500: division by zero'* ]] || fail "$stderr"
            cmp <(head -499 in.json) <(printf '%s\n' "$output")
            head -499 side.json | cmp - <(head -499 in.json | sed -E 's/\{"n":([0-9]+)\}/{"n":\1,"a":\1}/')
            balances account
            jq -se 'map(select(.stage) | .held) | add == 0' account
        done
    done
}

@test "the first cause: a sink that fails is named once; the others have what came before" {
    seq 200000 | sed 's/.*/{"n":&}/' >in.json
    cp_run --account account 'parse json | tee { file side.json ; file /dev/full } | discard' in.json
    assert_equal "$status" 4
    assert_equal "$(grep -c 'No space left' <<<"$stderr")" 1
    jq -se 'map(select(.stage == "file2")) | .[0] | .out == 0 and .held > 0' account
    n=$(wc -l <side.json)
    cmp <(head -"$n" in.json) side.json
    balances account
}

@test "memory: a branch that is blocked" {
    needs_usual_blocks
    mkfifo blocked
    exec 8<>blocked
    yes '{"a":1,"b":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}' | head -c 30000000 >in
    local pipeline='parse json with workers=2 | tee { set c = b .. b with workers=3 | file blocked ; filter a > 0 | set d = upper(b) ; file free } | discard'
    "$CHANPIPE" "$pipeline" in &
    local pid=$!
    until_stuck $pid
    stays_within "$(bound "$pipeline" in)" $pid
    kill -KILL $pid
    wait $pid || true
    exec 8>&-
}

@test "memory: workers of uneven work, records of a mebibyte" {
    needs_usual_blocks
    is_sanitized && skip 'not with sanitizers'
    [ -x /usr/bin/time ] || skip 'no time here'
    awk 'BEGIN {
        long = sprintf("%1048000s", ""); gsub(/ /, "ab", long); long = substr(long, 1, 1048000)
        for (i = 1; i <= 300; i++) { printf "{\"n\":%d,\"t\":\"%s\"}\n", i, i % 3 ? "x" : long }
    }' >in.json
    local pipeline='parse json with workers=4 | filter len(replace(t, "ab", "c")) < 999999 with workers=3 | tee { set u = upper(t) ; filter n > 5 } | set v = len(t) with workers=4 | keep n, v'
    local most peak
    most=$(bound "$pipeline" in.json)
    /usr/bin/time -f %M -o peak "$CHANPIPE" "$pipeline" in.json >out
    peak=$(tail -1 peak)
    [ "$peak" -le "$most" ] || fail "$peak KiB, explain says $most KiB"
    assert_equal "$(wc -l <out)" 595
    assert_equal "$(awk -F'[:,}]' '{ print $2 }' out | sort -n -c 2>&1)" ''
}

@test "a sink that stands still does not stop the others, where its channel drops; what it drops is said" {
    mkfifo blocked
    exec 8<>blocked
    seq 300000 | sed 's/.*/{"n":&}/' >in.json
    "$CHANPIPE" --account account 'parse json | tee { file blocked with when_full=drop_new ; filter n > 0 | file all.json } | discard' in.json 2>err &
    local pid=$!
    until_stuck $pid
    cmp in.json all.json
    exec 9<blocked 8>&-
    cat <&9 >got &
    wait $pid
    exec 9<&-
    wait
    balances account
    local dropped
    dropped=$(jq -s 'map(select(.edge) | .dropped) | add' account)
    [ "$dropped" -gt 0 ]
    assert_equal "$((dropped + $(wc -l <got)))" 300000
    grep -q "$dropped" err || fail "$(cat err)"
}

@test "groups of two keys are told apart whatever the texts are" {
    gives '{"a":"x","b":"yz"}\n{"a":"xy","b":"z"}\n{"a":"x,y","b":"z"}\n{"a":"x","b":"y,z"}\n{"a":null,"b":"x"}\n{"a":"x"}\n{"a":"","b":"x"}\n{"a":"x","b":"yz"}' \
        '{"a":"x","b":"yz","count":2}\n{"a":"xy","b":"z","count":1}\n{"a":"x,y","b":"z","count":1}\n{"a":"x","b":"y,z","count":1}\n{"a":null,"b":"x","count":1}\n{"a":"x","b":null,"count":1}\n{"a":"","b":"x","count":1}' \
        -o json 'parse json | count by a, b'
}

@test "every kind of pipeline ends when its input does" {
    seq 50 | sed 's/.*/{"n":&}/' >in.json
    for p in 'parse json | tee { filter n > 1 ; head 3 ; sort -n } | count' 'parse json | route { n > 3 => discard ; else => filter n > 0 } | head 2' \
        'parse json | tee { tee { head 1 ; tail 1 } ; uniq n }' 'parse json | filter n > 1 with workers=8 | stats sum(n)' \
        'parse json | tee { filter n > 1 with when_full=drop_old ; discard with capacity=0 } | count'; do
        for capacity in 0 1; do
            CHANPIPE_TEST_CAPACITY=$capacity cp_run -w 3 "$p" in.json
            assert_equal "$p: $status" "$p: 0"
        done
    done
    gives '' '{"count":100}' -o json 'merge { files in.json ; files in.json } | count'
}

# Faults that users found: each was one, and stays away.
load helper

@test "list and help know the aggregates" {
    cp_run list functions
    grep -q '^aggregates$' <<<"$output" || fail "$output"
    grep -q '^  sum(x)  *The exact sum' <<<"$output" || fail "$output"
    for word in p99 p99.9 sum uniq topk '~uniq' count aggregates; do
        cp_run help "$word"
        [ "$status" = 0 ] && [ -n "$output" ] || fail "help $word: $stderr"
    done
    cp_run help p101
    [ "$status" = 2 ]
}

@test "descriptions of functions and aggregates are sentences" {
    cp_run list functions
    ! awk '/^[a-z]/ { next } /^  [^ ]/ { if (last != "" && last !~ /[.]$/) print last; if (!match($0, /\)  +[A-Z]/)) wrapped = 1 }
        { last = $0 } END { if (last !~ /[.]$/) print last }' <<<"$output" | grep .
}

@test "the lines of csv and tsv end alike" {
    gives 'a,b\r\n1,2\r\n3,4\n5,6' 'a,b\r\n1,2\r\n3,4\r\n5,6\r\n' 'parse csv' -o csv
    gives 'a,b\n1,2\n3,4\r\n' 'a,b\n1,2\n3,4\n' 'parse csv' -o csv
    gives 'a\tb\r\n1\t2\r\n' 'a\tb\r\n1\t2\r\n' 'parse tsv' -o tsv
    gives 'a,b\r\n1,2\r\n' 'a,b\n1,3\n' 'parse csv | set b = 3' -o csv
    gives 'a,b\r\n"1,5",2\r\n"x ""y",3\n' 'a,b\r\n"1,5",2\r\n"x ""y",3\r\n' 'parse csv' -o csv
}

@test "a mistyped field is answered with the nearest one where all are known" {
    cp_run check 'parse combined | filter stauts > 1 | rename agnet to x | keep pth'
    assert_stderr 'did you mean status\?'
    assert_stderr 'did you mean agent\?'
    assert_stderr 'did you mean path\?'
}

@test "stages of later versions are told from mistyped ones" {
    for kind in follow listen generate lookup redact unnest context patterns pair \
        tcp udp unix syslog http sqlite; do
        refuses "error: $kind is not available in this version" "parse json | $kind"
        printf 'stages:\n  - %s: x\n' "$kind" >later.yaml
        refuses "later.yaml:2:5: error: $kind is not available in this version" check later.yaml
    done
    refuses 'there is no stage flter.*did you mean filter\?' 'parse json | flter a'
}

@test "max_memory that is too small is shown where it stands" {
    printf 'stages:\n  - parse: json\n  - sort: a\n    max_memory: 1MiB\n' >small.yaml
    refuses 'small.yaml:4:17: error: max_memory is at least 8MiB here' check small.yaml
}

@test "brackets that YAML leaves open or splits" {
    printf 'stages: [' >open.yaml
    refuses 'open.yaml:1:10: error: the file ends, but a \[ or \{ is still open' check open.yaml
    printf 'stages:\n  - {set: a = if(x, 1, 2)}\n' >split.yaml
    refuses 'splits at every comma' check split.yaml
}

@test "a regex that is given up is told in the same words everywhere" {
    text=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!
    for pipeline in 'filter line =~ /^(a|aa|a?)+$/' 'set x = match(line, /^(a|aa|a?)+$/)' 'grep /^(a|aa|a?)+$/' \
        'parse regex /^(?<x>(a|aa|a?)+)$/'; do
        cp_run "$pipeline" <<<"$text"
        assert_stderr 'the regex takes too many steps on this record: avoid repeats'
    done
}

@test "one limit of stages" {
    many=$(printf 'skip 0 | %.0s' {1..260})
    refuses 'a pipeline has at most 254 stages' "$many head"
    [ "$(grep -c 'error:' <<<"$stderr")" = 1 ] || fail "$stderr"
    most=$(printf 'skip 0 | %.0s' {1..253})
    cp_run check "$most head"
    [ "$status" = 0 ] || fail "$stderr"
}

@test "single quotes in words are noticed" {
    cp_run check "parse regex '(?<a>x)'"
    assert_stderr 'a single quote does not quote a word'
}

@test "the clock of tz is described" {
    cp_run help parse
    grep -q 'use the same clock' <<<"$(tr '\n' ' ' <<<"$output")" || fail "$output"
}

@test "tail at max_memory moves no records about" {
    seq 500000 >numbers
    LIMIT=10 cp_run 'tail 500000 max_memory=4MiB' numbers
    [ "$status" = 0 ] && [ "$(tail -n 1 <<<"$output")" = 500000 ] || fail "${stderr:0:200}"
    n=$(wc -l <<<"$output")
    [ "$(head -n 1 <<<"$output")" = $((500001 - n)) ]
    cp_run 'tail 500000 max_memory=4MiB | count' numbers
    [ "$output" = "{\"count\":$n}" ] || fail "$output"
    CHANPIPE_TEST_BATCH=7 cp_run 'tail 500000 max_memory=4MiB | count' numbers
    [ "$output" = "{\"count\":$n}" ] || fail "$output"
}

@test "tail keeps records of many sizes" {
    awk 'BEGIN { for (i = 1; i <= 20000; i++) printf "%d %*s\n", i, i * 7919 % 3000, "x" }' >sizes
    cp_run 'tail 20000 max_memory=200KiB' sizes
    n=$(wc -l <<<"$output")
    [ "$n" -gt 50 ] && [ "$output" = "$(tail -n "$n" sizes)" ] || fail "$n lines"
}

@test "a variable in an expression is answered with var.X" {
    refuses '1:20: error: \$\{X\} is not replaced in expressions.*var.X' 'parse json | set a=${X}'
    refuses 'is not replaced in expressions.*var.X' 'parse json | filter n > int(${X})'
}

@test "a pipeline that cannot start leaves files as they were" {
    echo old >a.out
    cp a.out b.out
    echo x >in
    cp_run 'tee { file a.out ; file missing/b.out } | parse json with on_error={to: ./b.out}' in
    assert_equal "$status" 4
    assert_equal "$(cat a.out b.out)" $'old\nold'
    cp_run 'tee { file a.out } | parse json with on_error={to: missing/r}' in
    assert_equal "$status" 4
    assert_equal "$(cat a.out)" old
    cp_run 'file a.out' in
    assert_equal "$status $(cat a.out)" '0 x'
}

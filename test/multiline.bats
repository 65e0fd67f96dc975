# multiline: which lines are joined, that nothing is lost on the way, and that what is joined can be parsed.
load helper

# joins INPUT OUTPUT ARGS…: as gives, where a + stands for each line end within a record.
joins() {
    gives "$1" "$2" -e "multiline ${*:3} separator=+"
}

# lines_of FILE ARGS…: the number of the first line of each record, and how many lines it has.
lines_of() {
    local file=$1
    shift
    chanpipe -o tsv "multiline $* | set n = _line, lines = len(replace(line, /[^\n]/, \"\")) + 1 | keep n, lines" "$file" |
        sed 1d | tr '\t\n' ': '
}

@test "start, continue, end: a line that matches begins, goes on, ends" {
    joins '1 a\nb\nc\n2 d\n3 e\nf\n' '1 a+b+c\n2 d\n3 e+f' 'start=/^[0-9]/'
    joins 'x\ny\n1 a\nb\n' 'x+y\n1 a+b' 'start=/^[0-9]/'
    joins 'a\n b\n c\nd\n e\n' 'a+ b+ c\nd+ e' 'continue=/^\s/'
    joins ' a\n b\nc\n' ' a+ b\nc' 'continue="^ "'
    joins 'a\nb;\nc;\nd\n' 'a+b;\nc;\nd' 'end=/;$/'
    joins 'a \\\\\nb \\\\\nc\nd\n' 'a \\\\+b \\\\+c\nd' 'end="[^\\\\]$"'
    joins '1\n x\ny\n x\n1 x\n' '1+ x\ny+ x\n1 x' 'start=/^1/ continue=/x/'
    joins 'a\nEND\nb\nBEGIN\nc\nEND\nd\n' 'a+END\nb\nBEGIN+c+END\nd' 'start=/^BEGIN/ end=/^END/'
    joins 'a\nB\nc\n' 'a\nB+c' 'start=/^(b|a)/i'
    joins 'a\n| B\nc\n' 'a\n| B+c' '/^a|\\| B/'
}

@test "presets: java, python, go, indent" {
    assert_equal "$(lines_of "$SAMPLES/java.log" java)" '1:1 2:1 3:9 12:1 13:2 15:1 '
    assert_equal "$(lines_of "$SAMPLES/python.log" python)" '1:1 2:19 21:1 22:15 37:1 38:10 48:1 49:10 59:1 60:5 65:1 '
    assert_equal "$(lines_of "$SAMPLES/go.log" go)" '1:1 2:14 16:1 17:9 26:1 27:10 37:1 '
    assert_equal "$(lines_of "$SAMPLES/java.log" preset=indent)" '1:1 2:1 3:3 6:6 12:1 13:2 15:1 '
    assert_equal "$(lines_of "$SAMPLES/java.log" 'start=/^\d{4}-/')" '1:1 2:10 12:3 15:1 '
    joins 'a\n\n b\n\tc\n' 'a\n+ b+\tc' indent
    joins 'A: B: c; \nnested exception is:\n\tD\n  at x\nWrapped by: E\n--- End of it\nCaused\n' \
        'A: B: c; +nested exception is:+\tD+  at x+Wrapped by: E+--- End of it\nCaused' java
}

@test "python: what is no traceback any more is a line of its own, and so is an empty one behind it" {
    local t='Traceback (most recent call last):\n  File "a", line 1, in f\n    g()\n'
    local j='Traceback (most recent call last):+  File "a", line 1, in f+    g()+'
    joins "${t}ValueError: x\n\nb\n\n" "${j}ValueError: x\n\nb\n" python
    joins "${t}ValueError: x\n\n\nb\n" "${j}ValueError: x\n\n\nb" python
    joins "${t}ValueError: x\n\n" "${j}ValueError: x\n" python
    joins "${t}2026-11-20 it went on\n" "${j%+}\n2026-11-20 it went on" python
    joins "${t}a.b.Error\n${t}KeyError: 1\n" "${j}a.b.Error\n${j}KeyError: 1" python
    joins "10:00 ERROR ${t}E: x\n  - note\nb\n" "10:00 ERROR ${j}E: x+  - note\nb" python
}

@test "go: an empty line that no goroutine follows is a line of its own" {
    joins 'http: panic serving 1.2.3.4:5: x\ngoroutine 7 [running]:\nmain.f(0x1)\n\t/a.go:1 +0x1\ncreated by main.g\n\t/a.go:2\n\n2026 b\n' \
        'http: panic serving 1.2.3.4:5: x+goroutine 7 [running]:+main.f(0x1)+\t/a.go:1 +0x1+created by main.g+\t/a.go:2\n\n2026 b' go
    joins 'panic: x\n\nlog\n' 'panic: x\n\nlog' go
    joins 'do not panic\nb (c)\n' 'do not panic\nb (c)' go
}

@test "bytes stay: CRLF, no final newline, NUL, bad UTF-8, empty lines, 1 MiB" {
    printf 'a\r\n b\r\n\r\nc\n d\r\n e' >in
    chanpipe 'multiline indent' in >out
    printf '\n' | cat in - | cmp - out
    printf '\0a\n \0\n\xff\n \xfe\xc3\n\n\n' >in
    chanpipe 'multiline indent' in | cmp - in
    { head -c 400000 /dev/zero | tr '\0' x; echo; printf ' '; head -c 600000 /dev/zero | tr '\0' y; echo; echo z; } >in
    chanpipe 'multiline indent' in | cmp - in
    assert_equal "$(chanpipe -o json 'multiline indent | set n = len(line) | keep n' in | tr -d '\n')" '{"n":1000002}{"n":1}'
    gives '' '' 'multiline java'
    gives '\n' '\n' 'multiline java'
    gives 'a\r\n b\r\n' 'a b\r' 'multiline indent separator=""'
    gives 'a\r\n b\n c\n' '{"line":"a\\n b\\n c"}' -o json 'multiline indent separator="\n"'
}

@test "_line, _offset and _file are those of the first line; inputs are not joined" {
    printf 'a\n b\nc\n' >one
    printf ' d\n e\nf' >two
    run chanpipe -o tsv 'multiline indent | set l = _line, o = _offset, f = _file, r = len(_raw) | keep f, l, o, r' one two
    assert_output "$(printf 'f\tl\to\tr\none\t1\t0\t4\none\t3\t5\t1\ntwo\t1\t0\t5\ntwo\t3\t6\t1')"
}

@test "behind it: json, csv with its header, a regex over lines, auto, aggregates, sort" {
    gives '{"a":\n 1}\n{"a":2}\n' '{"a":1}\n{"a":2}' 'multiline indent | parse json | keep a'
    gives 'k,v\n1,"x\n y"\n2,z\n' '{"k":1,"v":"x\\n y"}\n{"k":2,"v":"z"}' -o json 'multiline indent | parse csv'
    gives '1 a\nb\n2 c\n' '{"n":1,"m":"a\\nb"}\n{"n":2,"m":"c"}' -o json \
        'multiline start=/^\d/ | parse regex /(?s)(?<n>\d) (?<m>.*)/'
    gives '{"a":\n 1}\n{"a":2}\n' '{"a":1}\n{"a":2}' 'multiline indent | parse json | filter a in [1,2] | keep a'
    gives 'a=1\n b=2\na=3\n' '{"a":3}' -o json 'multiline indent separator="" | parse logfmt | filter a == 3'
    gives 'b\n x\na\n y\n' 'a\n y\nb\n x' 'multiline indent | sort line'
    gives 'a\n x\nb\n' '{"count":2}' 'multiline indent | count'
    gives 'a\n x\nb\n x\n' 'b\n x' 'multiline indent | tail 1'
    gives 'x a\nERROR\n at\nb\n' 'ERROR\n at' 'multiline indent | grep " at"'
}

@test "before it: filters take lines out, sort puts them in order" {
    gives 'a\n b\n# x\n c\nd\n' 'a\n b\n c\nd' 'grep -v "#" | multiline indent'
    gives 'a\n b\n# x\n c\nd\n' '{"line":"a\\n b\\n c"}\n{"line":"d"}' -o json 'filter not starts(line, "#") | multiline indent'
    gives '2 b\n3 c\n1 a\n' '1 a\n2 b+3 c' 'sort line | multiline start=/^[12]/ separator=+'
    gives 'a\n b\nc\n d\n' 'a\n b' 'head 2 | multiline indent'
    gives 'a\0 b\0c\0' 'a\n b\nc' 'stdin frame=nul | multiline indent'
    gives 'a\n\n b\n\n\nc\n' 'a\n b\nc' 'stdin frame=blank | multiline indent'
}

# anyhow OUTPUT ARGS…: chanpipe ARGS makes OUTPUT of the file in, whatever the blocks and batches are.
anyhow() {
    for env in A=1 'CHANPIPE_TEST_BLOCK=61 CHANPIPE_TEST_BATCH=3' CHANPIPE_TEST_BATCH=1; do
        # shellcheck disable=SC2086
        assert_equal "$env $(env $env "$CHANPIPE" "${@:2}" <in)" "$env $(printf '%b' "$1")"
    done
}

@test "in branches: a record stands where the line is that ends it, whatever the batches" {
    printf 'a\n b\nc\n d\n e\n' >in
    anyhow 'a+ b\nc\nc+ d+ e' 'tee { multiline indent separator=+ ; grep c }'
    anyhow ' b\na+ b\n d\n e\nc+ d+ e' 'tee { grep " " ; multiline indent separator=+ | filter true }'
    anyhow '{"x":"a\\n b"}\n{"x":"c\\n d\\n e"}' \
        'route { line != "" => multiline indent ; else => head } | parse pattern "<x>"'
    anyhow ' b\t2\t2\na\n b\t1\t0\nc\n d\n e\t3\t5' -o raw \
        'tee { grep b ; multiline indent separator="\\n" } | set l = _line, o = _offset | keep line, l, o'
    anyhow 'a\na+ b+ b\nc\nc+ d+ d+ e+ e' 'tee { grep -v q ; filter true } | multiline indent separator=+'
    anyhow 'a+ b\na+ b\nc+ d+ e\nc+ d+ e' \
        'merge { files in | multiline indent separator=+ ; files in | multiline indent separator=+ } | sort line'
    refuses 'lines of several inputs come here by turns' 'merge { files in ; files in } | grep a | multiline java'
}

@test "limits: nothing is lost, the summary counts, the account balances" {
    skips 'a\n 1\n 2\n 3\n 4\nb\n' 'a+ 1\n 2+ 3\n 4\nb' 'multiline: .* 2 times' 'multiline indent max_lines=2 separator=+'
    skips 'a\n 1\n 2\n 3\nb\n' 'a+ 1\n 2+ 3\nb' 'multiline: .* 1 times' 'multiline indent max_bytes=6 separator=+'
    gives 'a long line\nb\n' 'a long line\nb' 'multiline indent max_bytes=4'
    seq 100000 | sed 's/.*[1-9]$/ &/' >in
    chanpipe -q --account acc 'multiline indent max_lines=4' in | cmp - in
    assert_equal "$(jq -r 'select(.stage == "multiline") | "\(.in) \(.out) \(.taken) \(.held) \(.filtered)"' acc)" '100000 30001 69999 0 0'
    chanpipe -q --account acc 'multiline indent | head 3' in >out
    assert_equal "$(tail -1 out)" ' 29'
}

@test "memory: a record without end stays within max_bytes" {
    needs_usual_blocks
    is_sanitized && skip "not with a sanitizer"
    yes ' continued' | head -n 5000000 >in
    chanpipe -q 'multiline indent max_lines=100000000 max_bytes=100KiB' in | cmp - in
    /usr/bin/time -f %M -o peak "$CHANPIPE" -q 'multiline indent max_lines=100000000' in | cmp - in
    [ "$(tail -1 peak)" -lt 24000 ] || fail "$(cat peak) KiB"
}

@test "as awk joins, over larger files" {
    needs_shared data/apache_combined.log
    needs awk
    local file=$CHANPIPE_SHARED/data/apache_combined.log
    awk 'NR > 1 && /" 200 / { print "" } { printf "%s%s", (NR > 1 && !/" 200 / ? "~" : ""), $0 } END { print "" }' "$file" >want
    chanpipe 'multiline start="\" 200 " separator="~" max_lines=1000000' "$file" >got
    cmp want got
    awk '{ gsub(/\r/, "") } NR > 1 && !/Failed/ { print "" } { printf "%s%s", (NR > 1 && /Failed/ ? "~" : ""), $0 } END { print "" }' \
        "$CHANPIPE_SHARED/data/auth.log" >want
    chanpipe 'multiline continue=/Failed/ separator="~" max_lines=1000000' "$CHANPIPE_SHARED/data/auth.log" | tr -d '\r' | cmp want -
}

@test "a pipe that pauses splits nothing; what is whole leaves at once" {
    mkfifo in
    chanpipe 'multiline indent' <in >out &
    exec 9>in
    printf 'a\n' >&9
    printf ' b\nc\n' >&9
    until [ "$(wc -l <out)" = 2 ]; do :; done
    printf ' d' >&9
    exec 9>&-
    wait
    assert_equal "$(<out)" "$(printf 'a\n b\nc\n d')"
}

# has_lines FILE N: waits until the file has so many lines.
has_lines() {
    local end=$((SECONDS + 60))
    until [ "$(wc -l <"$1")" -ge "$2" ]; do
        [ $SECONDS -lt $end ] || fail "$1 has $(wc -l <"$1") lines, not $2"
    done
}

@test "timeout: a record whose continuation does not come leaves in a pause" {
    for p in 'multiline indent separator=+ timeout=30ms' 'multiline indent separator=+ timeout=30ms | filter line =~ /./ with workers=3' \
        'tee { multiline indent separator=+ timeout=30ms | set x = 1 | keep line ; filter line == "none" } | keep line' \
        'multiline indent separator=+ timeout=30ms | tee { filter line =~ /a/ ; filter line =~ /[dx]/ with workers=2 } | tee { filter line == "" ; skip 0 }'; do
        mkfifo in
        LIMIT=120 chanpipe --account acc -o raw "$p" <in >out &
        exec 9>in
        printf 'a\n b\n' >&9
        has_lines out 1
        printf ' d\n' >&9
        has_lines out 2
        printf 'x\ny' >&9
        has_lines out 3
        exec 9>&-
        wait $!
        assert_equal "$(head -3 out)" "$(printf 'a+ b\n d\nx')"
        assert_equal "$(jq -s 'map(select(.stage and (.in + .made != .out + .filtered + .dropped + .errored + .taken + .held))) | length' acc)" 0
        rm in
    done
}

@test "timeout: the state of a preset ends with the record" {
    mkfifo in
    chanpipe 'multiline python separator=+ timeout=30ms' <in >out &
    exec 9>in
    printf 'Traceback (most recent call last):\n  File "a"\n' >&9
    has_lines out 1
    printf 'E: no\n' >&9
    has_lines out 2
    exec 9>&-
    wait $!
    assert_equal "$(<out)" $'Traceback (most recent call last):+  File "a"\nE: no'
}

@test "timeout: nothing is split while lines come" {
    awk 'BEGIN { for (i = 0; i < 20000; i++) print (i % 7 ? " " : "") i }' >in
    chanpipe 'multiline indent separator=+' in >want
    chanpipe 'multiline indent separator=+ timeout=1h' in | cmp want
    chanpipe 'multiline indent separator=+ timeout=100000d' in | cmp want
}

@test "wrong uses are errors with their place" {
    refuses 'multiline needs a pattern' -e multiline
    refuses ':1:11: error: .*preset takes one of' 'multiline jva'
    refuses ':1:14: error: in the regex of start' 'multiline /a(/'
    refuses 'one pattern for start' 'multiline /a/ start=b'
    refuses 'a preset or patterns, not both' 'multiline java start=/a/'
    refuses ':1:21: error: in the regex of start' 'multiline start=/a(b/'
    refuses 'multiline joins lines as they came' 'parse json | multiline java'
    refuses 'multiline joins lines as they came' 'count | multiline java'
    refuses 'max_bytes is at most max_line' 'multiline java max_bytes=2MiB'
    refuses ':1:24: error: timeout .*a duration' 'multiline java timeout=5'
    refuses 'max_lines is at least 1' 'multiline java max_lines=0'
    refuses 'there is nothing to join' 'stdin frame=whole | multiline java'
    refuses 'has no option' 'multiline java stop=/x/'
    printf 'stages:\n  - multiline: {start: "/a(/", max_lines: 3}\n' >p.yaml
    refuses 'p.yaml:2:[0-9]+: error: in the regex' check p.yaml
}

@test "YAML: as in a one-liner" {
    printf 'stages:\n  - multiline: {start: ^\\d, separator: "+"}\n' >p.yaml
    gives '1\na\n2\n' '1+a\n2' -f p.yaml
    printf 'stages:\n  - multiline: python\n    max_lines: 2\n' >p.yaml
    assert_equal "$(chanpipe -q -f p.yaml "$SAMPLES/python.log" | cmp - "$SAMPLES/python.log" && echo same)" same
}

# exec: programs as sources, co-processes and sinks, whatever they do: nothing is lost without a word, nothing hangs.
load helper

# fails STATUS PATTERN ARGS…: chanpipe ARGS ends with STATUS and says PATTERN (lines joined by blanks).
fails() {
    local expected=$1 pattern=$2
    shift 2
    cp_run "$@"
    [ "$status" = "$expected" ] && grep -qE -- "$pattern" <<<"${stderr//$'\n'/ }" || fail "chanpipe $*
expected: status $expected, $pattern
got:      status $status, standard error: ${stderr:0:2000}"
}

# program NAME: makes an executable script of standard input.
program() {
    { echo '#!/bin/sh'; cat; } >"$1"
    chmod +x "$1"
}

# numbered BYTES: lines, no two alike.
numbered() {
    seq 1 1000000 | sed 's/$/ a line of some length/' | head -c "$1" | sed '$d'
}

# until_gone PID: until there is no such process.
until_gone() {
    local i
    for i in $(seq 2000); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.01
    done
    fail "process $1 is still there"
}

# until_running PID: until its threads run, and with them what looks after signals.
until_running() {
    local i
    for i in $(seq 2000); do
        [ "$(ls "/proc/$1/task" 2>/dev/null | wc -l)" -gt 2 ] && return 0
        sleep 0.01
    done
    fail "process $1 has no threads"
}

# A program that outlives its test would keep the suite waiting.
teardown() {
    [ ! -s pid ] || kill -KILL "$(cat pid)" 2>/dev/null || true
}

# until_file NAME: until there is something in it.
until_file() {
    local i
    for i in $(seq 2000); do
        [ -s "$1" ] && return 0
        sleep 0.01
    done
    fail "$1 is still empty"
}

# ---- Words ----

@test "arguments are given to the program as they are, and no shell reads them" {
    program args <<<'for a; do echo "<$a>"; done'
    gives '' '<a b>\n<$HOME>\n<*>\n<;>\n<k=v>\n<--x=y>\n<>\n<a"b>\n' -e 'exec ./args "a b" $HOME "*" ";" k=v --x=y "" "a\"b"'
    printf 'stages:\n  - exec: [./args, a b, "|", --x=y]\n    max_line: 100\n  - head: 9\n' >p.yaml
    gives '' '<a b>\n<|>\n<--x=y>\n' run p.yaml
    chanpipe convert --to text p.yaml >p.txt
    gives '' '<a b>\n<|>\n<--x=y>\n' -e "$(cat p.txt)"
    gives '' '<\xc3\xbc>\n' -e 'exec ./args "ü"'
    printf 'stages:\n  - exec:\n      - sh\n      - -c\n      - |\n        echo "a b"  # \\\n        echo c\n  - head: 9\n' >p.yaml
    gives '' 'a b\nc\n' run p.yaml
    chanpipe convert --to text p.yaml >p.txt
    gives '' 'a b\nc\n' -e "$(cat p.txt)"
    chanpipe convert --to yaml -e "$(cat p.txt)" >q.yaml
    gives '' 'a b\nc\n' run q.yaml
    fails 4 'sh -c exit 3.n: exit status 3' $'exec sh -c "exit 3\n"'
}

@test "options stand before the program; behind it they are its own, which is said where it may be meant otherwise" {
    gives 'a b\n' 'a b\ta b\n' 'exec mode=each as=x cat'
    gives 'a b\n' 'a b\ta b\n' 'exec cat with mode=each as=x'
    printf 'stages:\n  - exec: cat\n    mode: each\n    as: x\n' >p.yaml
    gives 'a b\n' 'a b\ta b\n' run p.yaml
    skips '' 'mode=each\n' 'warning: mode=each is given to the program' 'exec echo mode=each'
    gives '' 'x=each\n' 'exec echo x=each'
}

@test "wrong pipelines are refused before any program runs" {
    refuses 'exec needs a program' 'files /dev/null | exec mode=each'
    refuses 'csv writes others' 'parse json | exec mode=each format=csv touch ran'
    refuses 'cannot end before it has answered' 'parse json | exec mode=each on_exit=end touch ran'
    refuses 'runs one program here' 'parse json | exec mode=stream touch ran with workers=2'
    refuses 'on_error: keep cannot be had here' 'parse json | exec mode=stream touch ran with on_error=keep'
    refuses 'exec has no option nope' 'parse json | exec nope=1 touch ran'
    refuses 'takes one of' 'parse json | exec mode=twice touch ran'
    refuses 'csv has a header' 'parse json | exec mode=stream format=csv on_exit=restart touch ran'
    refuses 'runs one program here' 'parse json | exec mode=stream touch ran with workers=auto'
    echo x >f
    refuses 'a source of its own, exec.*give it a mode' 'exec touch ran' f
    [ ! -e ran ]
}

@test "options of which nothing comes are said" {
    skips 'a\n' 'a\n' 'warning: restarts says nothing without on_exit=restart' 'exec mode=stream restarts=9 cat'
    skips 'a\n' 'a\ta\n' 'warning: backoff says nothing without on_exit=restart' 'exec mode=each backoff=1s cat'
    skips 'a\n' 'a\n' 'warning: as says nothing without mode=each' 'exec mode=stream as=zz cat'
    gives 'a\n' 'a\ta\n' 'exec mode=each as=x on_exit=restart restarts=9 backoff=1s cat'
    printf 'stages:\n  - exec: cat\n    mode: stream\n    restarts: 9\n' >p.yaml
    skips 'a\n' 'a\n' 'warning: restarts says nothing' run p.yaml
}

@test "a program that is not there is named, with status 4" {
    fails 4 'exec: cannot run ./nothing: No such file' 'exec ./nothing' </dev/null
    fails 4 'cannot run ./nothing' 'exec mode=stream ./nothing' </dev/null
    fails 4 'cannot run ./nothing' 'exec mode=each ./nothing' </dev/null
    fails 4 'cannot run ./nothing' 'parse json | exec ./nothing' </dev/null
    : >plain
    fails 4 'cannot run ./plain: Permission denied' 'exec ./plain' </dev/null
    fails 4 'cannot run ./nothing' 'exec cat | exec mode=stream sort | exec ./nothing' </dev/null
}

@test "explain and graph show the programs that work beside the threads" {
    local p='exec a | exec mode=each b with workers=3 | set x = 1 with workers=2 | exec c'
    chanpipe explain "$p" >out
    assert_equal "$(awk '/^  exec[0-9]? .*(source|transform|sink)|^  set .*transform/ { print $1, $3, $4 } /threads in all/ { print }' out)" "exec 1 1
exec2 1 3
set 2 Gives
exec3 1 1
  5 threads in all, and 5 programs"
    grep -q '^  stage  *kind  *workers  programs  what it does$' out
    chanpipe graph "$p" >out
    grep -q 'exec -> exec2 x3 -> set x2 -> exec3' out || fail "$(cat out)"
    chanpipe graph --format dot "$p" >out
    grep -q 'exec2 ×3' out
    chanpipe explain 'head 1' >out
    grep -q '^  stage  *kind  *workers  what it does$' out
    grep -q '^  3 threads in all$' out
}

@test "the place decides: source, co-process, sink" {
    chanpipe explain 'exec a | exec b | exec c' >out
    assert_equal "$(awk '$1 ~ /^exec/ && $3 == 1 { print $1, $2 }' out)" "exec source
exec2 transform
exec3 sink"
    gives '' '1\n2\n' 'merge { exec seq 2 ; exec true } | exec mode=stream cat'
    gives '' '2\n' 'merge { exec seq 2 | exec tail -1 ; exec true }'
    gives 'a\nb\n' 'A\nB\n' 'route { line == "x" => exec mode=stream cat ; else => exec mode=stream tr a-z A-Z }'
    printf 'a\n' >in
    printf 'stages:\n  - {files: in, name: in}\n  - {exec: tr a b, name: x}\n  - {from: x, head: 1}\n' >p.yaml
    gives '' 'b\n' run p.yaml
    printf 'stages:\n  - {files: in, name: in}\n  - {exec: [sh, -c, "cat >one"]}\n  - {from: in, exec: [sh, -c, "cat >two"]}\n' >p.yaml
    gives '' '' run p.yaml
    [ "$(cat one two)" = 'a
a' ]
}

# ---- Source ----

@test "source: what a program prints is framed and parsed as a file is" {
    printf 'a,b\n1,"x\ny"\n' >in.csv
    gives '' '{"a":1,"b":"x\\ny"}\n' 'exec cat in.csv | parse csv'
    printf '{"a":\n1}{"b":2}' >in.json
    gives '' '{"a":\n1}\n{"b":2}\n' 'exec frame=document cat in.json | parse json'
    gives '' 'a\nb\n' 'exec frame=nul printf "a\\0b"'
    printf 'one\ntwo\n' | gzip >in.gz
    gives '' 'one\ntwo\n' 'exec cat in.gz'
    skips '' 'c\n' 'longer than max_line' 'exec max_line=1 printf "ab\\nc\\n"'
    gives 'of ours\n' 'of ours\n' -e 'exec cat'
}

@test "source: a bad end is named, with status 4, behind all that was printed" {
    program three <<<'seq 3; exit 7'
    fails 4 'exec: ./three x: exit status 7' 'exec ./three x | count'
    [ "$output" = '{"count":3}' ]
    program killed <<<'seq 3; kill -9 $$'
    fails 4 './killed: signal 9 \(Killed\)' 'exec ./killed | count'
    gives '' '{"count":3}' 'exec on_exit=end ./three | count'
    fails 4 'signal 9' 'exec on_exit=end ./killed | count'
    fails 4 'exit status 7' 'merge { exec ./three ; exec seq 9 } | count'
}

@test "source: head ends a program that goes on for ever, also one that ignores it" {
    gives '' 'y\ny\n' 'exec yes | head 2'
    program stubborn <<<'trap "" TERM PIPE; echo $$ >pid; echo a; while :; do sleep 0.05; done'
    gives '' 'a\n' 'exec ./stubborn | head 1'
    until_gone "$(cat pid)"
}

# ---- Stream ----

@test "stream: programs that answer at once, late, at the end, not at all" {
    gives 'a\nb\n' 'A\nB\n' 'exec mode=stream tr a-z A-Z'
    gives 'b\nc\na\n' 'a\nb\nc\n' 'exec mode=stream sort'
    program late <<<'cat >got; sleep 0.2; cat got'
    gives 'b\nc\n' 'b\nc\n' 'exec mode=stream ./late'
    program silent <<<'cat >got2'
    gives 'b\nc\n' '' 'exec mode=stream ./silent'
    gives '' '' 'exec mode=stream cat'
    program chatty <<<'yes chatty | head -n 100000; cat'
    gives 'a\n' '{"count":100001}' 'exec mode=stream ./chatty | count'
    program no_output <<<'exec >&-; cat >got3'
    numbered 300000 >in
    gives '' '' 'exec mode=stream ./no_output' in
    cmp in got3
}

@test "stream: the records are written as a sink writes them, and what comes back can be parsed" {
    gives '{"a":1,"b":2}\n' '{"b":2}\n' 'parse json | keep b | exec mode=stream cat'
    gives '{"a":1,"b":2}\n' '{"x":1}\n' 'parse json | exec mode=stream format=csv cat | parse csv | set x = a | keep x'
    gives '{"a":1,"b":2}\n' 'a=1 b=2\n' 'parse json | exec mode=stream format=logfmt cat'
    gives 'a\nb\n' 'tr a-z A-Z:2:2\n' 'exec mode=stream tr a-z A-Z | skip 1 | set p = _file .. ":" .. _line .. ":" .. _offset | keep p'
    gives '{"a":1}\n' 'A=1\n' -o logfmt 'parse json | exec mode=stream tr a-z A-Z | parse auto'
    gives 'a\nb' 'a\nb\n' 'exec mode=stream cat'
}

@test "stream: ten megabytes come back as they were, in either direction first" {
    numbered 10000000 >big
    for p in 'exec mode=stream cat' 'exec mode=stream cat | exec mode=stream cat' 'exec mode=stream tac | exec mode=stream tac'; do
        chanpipe "$p" big >out
        cmp big out
    done
    chanpipe "exec cat big" >out
    cmp big out
    chanpipe "exec cat big | exec cat" >out
    cmp big out
}

@test "stream: a program that ends early ends the pipeline, unless that is said to be its right" {
    numbered 3000000 >big
    fails 4 'exec: head -n 5: exit status 0 before it had read all records' 'exec mode=stream head -n 5' big
    [ "$(wc -l <<<"$output")" = 5 ]
    gives '' "$(head -n 5 big)" 'exec on_exit=end mode=stream head -n 5' big
    fails 4 'true: exit status 0 before' 'exec mode=stream true' big
    program dies <<<'head -n 5; kill -9 $$'
    fails 4 './dies: signal 9 \(Killed\) before' 'exec mode=stream ./dies' big
    fails 4 './dies: signal 9 \(Killed\) before' 'exec mode=stream on_exit=end ./dies' big
    printf 'a\n' >small
    fails 4 'grep x: exit status 1' 'exec mode=stream grep x' small
    gives '' '' 'exec mode=stream on_exit=end grep x' small
}

@test "stream: a program is started again, and what it took with it is said" {
    numbered 3000000 >big
    program one_block <<<'dd bs=4096 count=1 2>/dev/null'
    cp_run 'exec mode=stream on_exit=restart restarts=2 backoff=1ms ./one_block | count' big
    [ "$status" = 0 ]
    assert_stderr 'started again [0-9]+ times: what it had read without an answer is lost'
    fails 4 'false: exit status 1' 'exec mode=stream on_exit=restart restarts=3 backoff=1ms false' big
}

@test "stream: where its end is a failure nobody waits for what it has started; else as the shell does" {
    numbered 3000000 >big
    program leaves <<<'sleep 1000 & echo $! >pid; head -n 2; exit "$1"'
    fails 4 './leaves 0: exit status 0 before' 'exec mode=stream ./leaves 0' big
    [ "$output" = "$(head -n 2 big)" ]
    kill -KILL "$(cat pid)"
    fails 4 './leaves 7: exit status 7' 'exec mode=stream ./leaves 7' < <(head -n 2 big)
    [ "$output" = "$(head -n 2 big)" ]
    kill -KILL "$(cat pid)"
    program later <<<'(sleep 0.3; echo later) & exec cat'
    gives 'a\n' 'a\nlater\n' 'exec mode=stream ./later'
}

@test "stream: a good end while the input pauses: read all, too early, or its right" {
    program leaves <<<'head -n 1; (sleep 0.2; echo x >ended) >/dev/null 2>&1 &'
    cp_run 'exec mode=stream ./leaves' < <(then_later 'a\n' '' ended)
    [ "$status$stderr$output" = 0a ] || fail "$status $stderr $output"
    rm ended
    fails 4 './leaves: exit status 0 before it had read all' 'exec mode=stream ./leaves' < <(then_later 'a\n' 'b\n' ended)
    mkfifo in
    exec 7<>in
    echo a >in
    gives '' 'a\n' 'exec mode=stream on_exit=end ./leaves' in
    program one_line <<<'read -r x; echo "$x"'
    printf 'a\nb\n' >in
    fails 4 './one_line: exit status 0 before it had read all' 'exec mode=stream ./one_line' in
    exec 7>&-
}

@test "stream: what it prints has a max_line of its own: longer lines are counted and left out" {
    program long <<<'read -r x; printf "short\n0123456789\nlast"; cat >/dev/null'
    skips 'a\n' 'short\nlast\n' './long:2: record longer than max_line \(9 bytes' 'exec mode=stream max_line=9 ./long'
    gives 'a\n' 'short\n0123456789\nlast\n' 'stdin max_line=5 | exec mode=stream max_line=10 ./long'
    skips 'a\n' 'short\nlast\n' '1 of 4 records skipped .first: ./long:2' 'stdin max_line=5 | exec mode=stream ./long'
    printf 'a\n' >in
    cp_run --account account.json 'exec mode=stream ./long with max_line=9' in
    grep -q '"stage":"exec".*"in":1,"made":3,"out":2,.*"errored":1,"taken":1' account.json || fail "$(cat account.json)"
    cp_run 'exec mode=stream ./long with max_line=9 on_error={to: bad.jsonl}' in
    assert_equal "$(jq -c '[.file, .line, .stage, .raw]' bad.jsonl)" '["./long",2,"exec","0123456789"]'
    fails 3 './long:2: record longer' 'exec mode=stream ./long with max_line=9 on_error=stop' in
    fails 3 'more than 0 records failed' 'exec mode=stream ./long with max_line=9 max_errors=0' in
    fails 3 '1 of 4 records failed, more than 20%' 'exec mode=stream ./long with max_line=9 max_errors=20%' in
    gives 'a\n' 'ASHORT\n' 'exec mode=stream max_line=6 sh -c "tr a A | tr -d \"\n\"; echo SHORT" | set line = line .. ""'
    refuses 'max_line is a size from 1 byte' 'exec mode=stream max_line=0 cat'
    refuses 'exec has no option max_line' 'skip 0 | exec max_line=9 cat'
}

@test "each: answers have a max_line of their own" {
    program long <<<'while read -r x; do echo 0123456789; done'
    fails 4 'its answer is longer than max_line.*max_line=4MiB before the program' 'exec mode=each max_line=9 ./long' < <(echo a)
    fails 4 'its answer is longer than max_line' 'stdin max_line=9 | exec mode=each ./long' < <(echo a)
    gives 'a\n' 'a\t0123456789\n' 'stdin max_line=1 | exec mode=each max_line=10 ./long'
    numbered 60000 >in
    chanpipe 'exec mode=each max_line=10 ./long | keep line' in >out
    cmp in out
    gives 'a\nb\n' '{"count":2}\n' 'stdin max_line=3 | exec mode=each max_line=2MiB sh -c "read x; head -c 2000000 /dev/zero | tr \"\\0\" y; echo; read x; head -c 2000000 /dev/zero | tr \"\\0\" y; echo" | sort answer | count'
}

@test "stream: head below ends a program in the middle of anything" {
    numbered 3000000 >big
    gives '' "$(head -n 2 big)" 'exec mode=stream cat | head 2' big
    gives '' 'y\ny\n' 'exec mode=stream yes | head 2' big
    program deaf <<<'echo $$ >pid; echo a; exec sleep 1000'
    gives '' 'a\n' 'exec mode=stream ./deaf | head 1' big
    until_gone "$(cat pid)"
    yes | timeout 20 "$CHANPIPE" 'exec mode=stream cat | head 1' >out
    [ "$(cat out)" = y ]
}

@test "a record passes a program at once when the input pauses" {
    mkfifo in out
    exec 7<>in
    chanpipe 'exec mode=stream cat | exec mode=each sed -u s/a/b/ | keep answer' in >out &
    pid=$!
    exec 8<out
    for i in 1 2 3; do
        echo "a$i" >in
        read -t 10 -r line <&8
        [ "$line" = "b$i" ]
    done
    kill $pid
    wait $pid || true
    exec 7>&- 8<&-
}

# ---- Each ----

@test "each: the answer is a field: text, number, JSON, null" {
    gives 'a\n12\n007\n{"x":{"y":1}}\n[1,2]\n"q"\n{bad\n\n' \
        '{"v":"a"}\n{"v":12}\n{"v":"007"}\n{"v":{"x":{"y":1}}}\n{"v":[1,2]}\n{"v":"q"}\n{"v":"{bad"}\n{"v":null}\n' \
        -o json 'exec mode=each as=v cat | keep v'
    gives '{"x":{"y":1}}\n' '{"y":1}\n' 'parse json | exec mode=each as=v cat | set y = v.x.y | keep y'
    gives '{"a":1}\n' '{"a":1,"v":{"a":1}}\n' 'parse json | exec mode=each as=v cat'
    gives '{"a":1}\n' '{"a":1,"a b":"a=1"}\n' 'parse json | exec mode=each as="a b" format=logfmt cat'
    gives '{"a":1,"b":2}\n{"a":3}\n' '{"a":1,"b":2,"s":3}\n{"a":3,"s":3}\n' 'parse json | exec mode=each as=a2 format=json cat | set s = a + (a2.b ?? 0) | unset a2'
    gives 'a\r\nb\n' '{"line":"a","answer":"a"}\n{"line":"b","answer":"b"}\n' -o json 'exec mode=each cat'
}

@test "each: ten megabytes, one program and three, identical" {
    numbered 10000000 >big
    for w in 1 3; do
        chanpipe "exec mode=each cat with workers=$w | filter line == answer | keep line" big >out
        cmp big out
        chanpipe "exec mode=each cat with workers=$w | keep answer" big >out
        cmp big out
    done
    chanpipe 'exec mode=each as=a cat | exec mode=each as=b format=raw cat | filter b == line .. "\t" .. a | keep line' big >out
    cmp big out
}

@test "each: a program that waits for the end of its input answers then, if that is not much" {
    seq 20000 >in
    chanpipe 'exec mode=each sort -n | filter line == answer | count' in >out
    [ "$(cat out)" = '{"count":20000}' ]
    numbered 3000000 >big
    fails 4 'sort: it has read [0-9]+ lines \([0-9]+ bytes\) and answered none.*stdbuf -oL' 'exec mode=each sort' big
    fails 4 'answered none' 'exec mode=each sort with workers=3' big
}

@test "each: where one of several programs holds back, the others do not hide it" {
    program one_of <<<'if mkdir first 2>/dev/null; then exec sort; else exec cat; fi'
    numbered 9000000 >big
    fails 4 './one_of: .* answered none' 'exec mode=each ./one_of with workers=3' big
}

@test "each: a slow program is not one that holds back" {
    program slow <<<'while read -r l; do case $l in *000\ *) sleep 0.05 ;; esac; echo "$l"; done'
    numbered 250000 >in
    chanpipe 'exec mode=each ./slow with workers=2 | keep answer' in >out
    cmp in out
}

@test "each: too few answers, too many, too long ones" {
    seq 10 >in
    fails 4 'true: exit status 0 before it' 'exec mode=each true' in
    fails 4 'head -n 5: exit status 0 before it had answered' 'exec mode=each head -n 5' in
    fails 4 'sed p: it has printed more lines than it was given' 'exec mode=each sed p' in
    program early <<<'echo hello; cat'
    fails 4 'more lines than it was given' 'exec mode=each ./early' in
    program long <<<'read -r l; head -c 3000 /dev/zero | tr "\0" x; cat'
    fails 4 'longer than max_line' 'files in max_line=1000 | exec mode=each ./long'
    program no_newline <<<'read -r l; printf "%s" "$l"; cat >/dev/null'
    gives 'a\n' 'a\ta\n' 'exec mode=each ./no_newline'
    program torn <<<'read -r l; echo "$l"; read -r l; printf "half"; kill -9 $$'
    fails 4 './torn: signal 9 \(Killed\) before it had answered all' 'exec mode=each ./torn' in
    [ "$output" = $'1\t1' ]
    fails 4 'exit status 3$' 'exec mode=each sh -c "cat; exit 3"' in
    gives '' '' 'exec mode=each cat' /dev/null
}

# then_later FIRST THEN FILE: prints FIRST, and THEN when there is something in FILE.
then_later() {
    printf '%b' "$1"
    until_file "$3"
    printf '%b' "$2"
}

@test "each: a program that ends while its input pauses: the next record says whether that was too early" {
    program done_one <<<'read -r x; printf done; (sleep 0.2; echo x >ended) >/dev/null 2>&1 &'
    fails 4 './done_one: exit status 0 before' 'exec mode=each ./done_one' < <(then_later 'a\n' 'b\n' ended)
    [ "$output" = $'a\tdone' ]
    rm ended
    gives_later() {
        cp_run "$@" < <(then_later '1\n2\n3\n' '' ended)
        [ "$status" = 0 ] && [ -z "$stderr" ] && [ "$output" = $'1\t1\n2\t2\n3\t3' ] || fail "$status $output $stderr"
    }
    program three <<<'head -n 3; (sleep 0.2; echo x >ended) >/dev/null 2>&1 &'
    gives_later 'exec mode=each ./three'
    rm ended
    fails 4 './three: exit status 0 before' 'exec mode=each ./three' < <(then_later '1\n2\n3\n' '4\n' ended)
    rm ended
    cp_run 'exec mode=each on_exit=restart backoff=1ms ./three' < <(then_later '1\n2\n3\n' '4\n' ended)
    [ "$status $output" = $'0 1\t1\n2\t2\n3\t3\n4\t4' ] || fail "$status $output $stderr"
    rm ended
    program bad_end <<<'head -n 3; (sleep 0.2; echo x >ended) >/dev/null 2>&1 & exit 3'
    fails 4 './bad_end: exit status 3' 'exec mode=each ./bad_end' < <(then_later '1\n2\n3\n' '' ended)
}

@test "each: what is printed beyond the answers fails at once, with a newline or without" {
    mkfifo in
    exec 7<>in
    echo a >in
    program flood <<<'read -r x; echo y; exec cat /dev/zero'
    fails 4 'more lines than it was given' 'exec mode=each ./flood' in
    exec 7>&-
}

@test "each: a program that closes its output may take its time to end" {
    program slow_end <<<'read -r x; printf "%s" "$x"; exec >&-; sleep 1; echo x >was_here'
    gives 'a\n' 'a\ta\n' 'exec mode=each ./slow_end'
    [ -s was_here ]
}

@test "each: a program has ended when it has, whatever it has started" {
    program leaves <<<'sleep 1000 & echo $! >pid; exit 0'
    fails 4 './leaves: exit status 0 before' 'exec mode=each ./leaves' < <(seq 3)
    kill -KILL "$(cat pid)"
    program leaves_late <<<'sleep 1000 & echo $! >pid; head -n 3'
    gives '1\n2\n3\n' '1\t1\n2\t2\n3\t3\n' 'exec mode=each ./leaves_late'
    kill -KILL "$(cat pid)"
    numbered 300000 >in
    program leaves_many <<<'sleep 1000 & echo $! >pid; cat'
    chanpipe 'exec mode=each ./leaves_many | filter line == answer | keep line' in >out
    cmp in out
}

@test "each: a record of several lines is an error of that record" {
    skips 'a\nb\n\nc\n' '{"v":"c"}\n' 'exec: 1 of 2 records skipped.*several lines' -o json -e 'stdin frame=blank | exec mode=each as=v cat | keep v'
    gives 'a\nb\n\nc\n' '{"v":{"line":"a\\nb"}}\n{"v":{"line":"c"}}\n' -o json -e 'stdin frame=blank | exec mode=each as=v format=json cat | keep v'
    cp_run -o json -e 'stdin frame=blank | exec mode=each as=v cat with on_error=keep | keep v, _error' < <(printf 'a\nb\n\nc\n')
    [ "$(grep -c '"v":"c"' <<<"$output")" = 1 ]
    grep -q '"_error":"a record of several lines' <<<"$output"
    fails 3 'several lines' -e 'stdin frame=blank | exec mode=each as=v cat with on_error=stop' < <(printf 'a\nb\n\nc\n')
}

@test "records that cannot be written: to a file, at most so many, not to a stage" {
    printf 'a\nb\n\nc\n\nd\ne\n' >in
    local p='files in frame=blank | exec mode=each as=v cat with'
    skips '' '{"v":"c"}\n' 'exec: 2 of 3 records failed and went to bad.jsonl' -o json "$p on_error={to: bad.jsonl} | keep v"
    assert_equal "$(jq -c '[.line, .stage, .raw]' bad.jsonl)" '[1,"exec","a\nb"]
[6,"exec","d\ne"]'
    fails 3 'several lines' "$p on_error=skip max_errors=1"
    skips '' '{"v":"c"}\n' '2 of 3 records skipped' -o json "$p on_error=skip max_errors=2 | keep v"
    refuses 'can go to a file, but not to a stage' "files in | exec mode=each cat with on_error={to: x} | tee { x: discard }"
    refuses 'can go to a file, but not to a stage' "files in | exec cat with on_error={to: x}"
}

@test "each: a record too many that cannot be written is not lost to the account" {
    cp_run --account account.json 'stdin frame=blank | exec mode=each format=raw cat with on_error=keep max_errors=0 | count' \
        < <(printf 'x\n\na\nb\n\nc\n\nd\n')
    [ "$status" = 3 ]
    [[ "$stderr" != *balance* ]] || fail "$stderr"
    assert_equal "$(jq -c 'select(.stage == "exec") | [.in, .errored, .warned]' account.json)" '[3,1,0]'
}

@test "records that cannot be written: a share of them is judged at the end" {
    for _ in 1 2 3 4 5; do printf 'a\nb\n\nc\n\n'; done >in
    local p='files in frame=blank | exec mode=each as=v cat with on_error=skip'
    fails 3 '5 of 10 records failed, more than 10%.*several lines' "$p max_errors=10% | count"
    skips '' '{"count":5}' '5 of 10 records skipped' "$p max_errors=50% | count"
}

@test "each: what waits behind an answer is bounded, also records that get none" {
    needs_usual_blocks
    mkfifo fifo
    program waits <<'END'
read -r x
for _ in $(seq 30); do
    [ ! -e fed ] || echo all >taken
    sleep 0.1
done
echo "$x"
exec cat
END
    { printf 'x\n\n' && yes $'first line of a record\nsecond line\n' | head -n 1200000 && echo x >fed; } >fifo &
    run timeout -k 2 120 "$CHANPIPE" 'files fifo frame=blank | exec mode=each as=v ./waits with on_error=keep | count'
    assert_success
    assert_output --partial '{"count":400001}'
    [ ! -e taken ]
}

@test "each: a program that reads ahead and answers steadily does not hold back" {
    needs python3
    cat >ahead.py <<'END'
import queue, sys, threading, time
lines = queue.Queue()
def read():
    for line in sys.stdin:
        lines.put(line)
    lines.put(None)
threading.Thread(target=read, daemon=True).start()
n = 0
while (line := lines.get()) is not None:
    n += 1
    if n % 200 == 0:
        time.sleep(0.01)
    sys.stdout.write(line)
    if n % 10 == 0 or lines.empty():
        sys.stdout.flush()
END
    numbered 1800000 >big
    chanpipe 'exec mode=each python3 ahead.py | filter line == answer | keep line' big >out
    cmp big out
}

@test "each: a program that dies is started again, and every record answered once, in order" {
    program one <<<'read -r l && echo "$l"; exit 0'
    seq 200 >in
    for w in 1 3; do
        chanpipe "exec mode=each on_exit=restart backoff=1ms ./one with workers=$w | filter line == answer | keep line" in >out 2>err
        cmp in out
    done
    program flaky <<<'if mkdir once 2>/dev/null; then head -c 5000; kill -9 $$; fi; exec cat'
    numbered 1000000 >big
    chanpipe 'exec mode=each on_exit=restart backoff=1ms ./flaky | filter line == answer | keep line' big >out
    cmp big out
    fails 4 'false: exit status 1' 'exec mode=each on_exit=restart restarts=3 backoff=1ms false' in
}

@test "each: while one program waits to be started again the others answer" {
    mkfifo in out
    exec 7<>in
    program dies_once <<'END'
echo x >>starts
read -r x
echo "$x"
if mkdir first 2>/dev/null; then echo $$ >pid; exit 3; fi
exec cat
END
    timeout -k 2 20 "$CHANPIPE" 'exec mode=each on_exit=restart backoff=10s ./dies_once with workers=2 | keep answer' in >out 2>err &
    exec 8<out
    echo a >in
    read -r line <&8
    until_file pid
    until_gone "$(cat pid)"
    echo b >in
    read -r line <&8
    [ "$line" = b ]
    [ "$(wc -l <starts)" = 2 ]
    kill $!
    wait $! || true
    exec 7>&- 8<&-
}

@test "each: programs that do not want to end do not take longer together" {
    program deaf <<<'trap "" TERM; echo a; exec sleep 1000'
    fails 4 'more lines than it was given' 'exec mode=each ./deaf with workers=32' < <(seq 3)
}

@test "each: in branches that come together the order stays" {
    numbered 200000 >in
    chanpipe 'tee { exec mode=each cat with workers=2 ; head 100000 } | keep line' in >out
    awk '{ print; print }' in | cmp - out
    chanpipe 'tee { exec mode=stream cat ; head 100000 } | count' in >out
    [ "$(cat out)" = "{\"count\":$(($(wc -l <in) * 2))}" ]
    chanpipe 'tee { exec mode=stream yes ; grep line } | head 100000 | count' in >out
    [ "$(cat out)" = '{"count":100000}' ]
}

# ---- Sink ----

@test "sink: what a file would get is written to the program" {
    gives '{"a":1,"b":2}\n' '1,2\n' 'parse json | exec format=csv tail -n 1'
    gives '{"a":1,"b":2}\n' 'a=1 b=2\n' -o logfmt 'parse json | exec cat'
    gives 'b\na\n' 'a\nb\n' 'skip 0 | exec sort'
    gives 'b\na\n' '' 'skip 0 | exec sh -c "cat >got"'
    [ "$(cat got)" = $'b\na' ]
    gives '' '' 'skip 0 | exec cat'
    gives '1\n2\n3\n' '' 'tee { grep 2 | exec sh -c "cat >two" ; exec sh -c "cat >all" } | discard'
    [ "$(cat two)$(wc -l <all)" = 23 ]
}

@test "sink: a bad or early end is named, with status 4" {
    numbered 3000000 >big
    fails 4 'exec: head -n 5: exit status 0 before it had read all records' 'skip 0 | exec head -n 5' big
    gives '' "$(head -n 5 big)" 'skip 0 | exec on_exit=end head -n 5' big
    fails 4 'sh -c cat >/dev/null; exit 3: exit status 3$' 'skip 0 | exec sh -c "cat >/dev/null; exit 3"' big
    gives '' '' 'skip 0 | exec on_exit=end sh -c "cat >/dev/null; exit 3"' big
    fails 4 'true: exit status 0 before' 'skip 0 | exec true' < <(yes)
    fails 4 'signal 9' 'skip 0 | exec sh -c "kill -9 $$"' < <(yes)
}

@test "sink: a program that ends while its input pauses: what follows says whether that was too early" {
    program leaves <<<'head -n 1 >got; (sleep 0.2; echo x >ended) >/dev/null 2>&1 & exit "$1"'
    cp_run 'skip 0 | exec ./leaves 0' < <(then_later 'a\n' '' ended)
    [ "$status$stderr" = 0 ] || fail "$status $stderr"
    rm ended
    fails 4 './leaves 0: exit status 0 before it had read all' 'skip 0 | exec ./leaves 0' < <(then_later 'a\n' 'b\n' ended)
    mkfifo in
    exec 7<>in
    echo a >in
    fails 4 './leaves 3: exit status 3 before' 'skip 0 | exec ./leaves 3' in
    echo a >in
    gives '' '' 'skip 0 | exec on_exit=end ./leaves 0' in
    program one_line <<<'read -r x'
    printf 'a\nb\n' >in
    fails 4 './one_line: exit status 0 before it had read all' 'skip 0 | exec ./one_line' in
    exec 7>&-
}

@test "a program that was given no record may have ended before that is known" {
    program silent <<<'until [ -s one ] && [ -s two ]; do sleep 0.01; done'
    program leaves <<<'(sleep 0.2; echo x >"$1") >/dev/null 2>&1 &'
    gives '' '' 'exec ./silent | tee { exec ./leaves one ; exec mode=stream ./leaves two | exec true }'
    rm one two
    gives '' '' 'exec ./silent | tee { exec ./leaves one ; exec mode=each ./leaves two | exec true }'
    rm one two
    fails 4 'false: exit status 1' 'exec ./silent | tee { exec ./leaves one ; exec false ; exec mode=stream ./leaves two }'
}

@test "sink: head behind the program ends all, quietly" {
    run bash -c '{ timeout 20 "$CHANPIPE" "exec yes | exec cat" 2>err; echo $? >status; } | head -1'
    assert_output y
    [ "$(cat status)" = 141 ]
    [ ! -s err ]
}

@test "sink: one that never reads is left after the time of grace, and told to end" {
    program deaf <<<'echo $$ >pid; exec sleep 1000'
    yes | env --default-signal=INT "$CHANPIPE" --grace 200ms 'skip 0 | exec ./deaf' 2>err &
    until_file pid
    until_running $!
    kill -INT $!
    status=0
    wait $! || status=$?
    [ $status = 130 ]
    until_gone "$(cat pid)"
}

# ---- Signals, descriptors, processes ----

@test "the interrupt key stops the source, lets the records pass, and is no failure" {
    mkfifo in
    exec 7<>in
    program seen <<<'while read -r l; do echo "$l"; echo x >seen.txt; done'
    setsid env --default-signal=INT "$CHANPIPE" 'exec mode=each ./seen | count | file out.json' in 2>err &
    pid=$!
    echo a >in
    until_file seen.txt
    kill -INT -- -$pid
    status=0
    wait $pid || status=$?
    exec 7>&-
    [ $status = 130 ]
    [ ! -s err ]
    [ "$(cat out.json)" = '{"count":1}' ]

    program endless <<<'echo a; echo $$ >pid; exec sleep 1000'
    setsid env --default-signal=INT "$CHANPIPE" 'exec ./endless | count | file out.json' 2>err &
    pid=$!
    until_file pid
    until_running $pid
    kill -INT -- -$pid
    status=0
    wait $pid || status=$?
    [ $status = 130 ]
    [ ! -s err ] || fail "$(cat err)"
    [ "$(cat out.json)" = '{"count":1}' ]
}

@test "programs get no descriptors of ours, and the usual signals" {
    program look <<'END'
[ "${1:-}" != each ] || read -r line # what comes before a record answers none
ls /proc/self/fd | tr '\n' ' '
grep -E '^Sig(Blk|Ign)' /proc/self/status | sed 's/[0-9a-f]*\(.......\)$/\1/' | tr '\n\t' '  '
echo
cat >/dev/null
END
    plain=$(./look </dev/null)
    for p in 'exec ./look' 'exec mode=stream ./look' 'skip 0 | exec ./look' 'exec mode=each ./look each'; do
        output=$(echo a | timeout 20 "$CHANPIPE" -o raw "$p | skip 0" 2>/dev/null || true)
        [ "$p" != 'skip 0 | exec ./look' ] || output=$(echo a | timeout 20 "$CHANPIPE" "$p")
        output=${output#a$'\t'}
        assert_equal "$output" "$plain"
    done
}

@test "restarts leak no descriptors and no processes" {
    program one <<<'read -r l && echo "$l"; exit 0'
    seq 300 >in
    mkfifo fifo
    exec 7<>fifo
    (ulimit -n 40 && exec timeout -k 2 20 "$CHANPIPE" 'exec mode=each on_exit=restart backoff=1ms ./one | keep answer' - <fifo >out) &
    cat in >fifo
    for _ in $(seq 2000); do
        [ "$(wc -l <out)" = 300 ] && break
        sleep 0.01
    done
    cmp in out
    me=$(pgrep -P $! || echo $!)
    [ -z "$(awk '$3 == "Z"' /proc/[0-9]*/stat 2>/dev/null | awk -v me="$me" '$4 == me')" ]
    exec 7>&-
    kill $! 2>/dev/null
    wait $! || true
}

@test "a stage that cannot wait any more says so" {
    needs prlimit
    is_sanitized && skip "it needs descriptors of its own"
    mkfifo in
    exec 7<>in
    program seen <<<'while read -r l; do echo "$l"; echo x >seen.txt; done'
    timeout -k 2 20 "$CHANPIPE" 'exec mode=each ./seen' in >out 2>err &
    pid=$!
    echo a >in
    until_file seen.txt
    prlimit --nofile=3:3 --pid "$(pgrep -P $pid -x chanpipe)"
    echo b >in
    status=0
    wait $pid || status=$?
    exec 7>&-
    [ $status = 4 ] || fail "$status $(cat err)"
    grep -q 'exec: cannot wait for a descriptor' err || fail "$(cat err)"
}

@test "standard descriptors that are closed are no trap" {
    run bash -c 'exec <&-; timeout 20 "$CHANPIPE" "exec echo a | exec mode=each as=b cat | keep b"'
    assert_success
    assert_output a
    run bash -c 'timeout 20 "$CHANPIPE" "exec echo a | exec sh -c \"cat >got\"" >&- 2>&-; cat got'
    assert_output a
}

@test "the account balances with all of them" {
    numbered 300000 >in
    for p in 'exec mode=stream cat' 'exec mode=each cat' 'exec mode=each cat with workers=3' 'exec mode=stream cat | head 3' \
        'exec mode=each cat | head 3' 'skip 0 | exec sh -c "cat >/dev/null"' 'exec mode=stream on_exit=end head -n 3' \
        'skip 0 | exec on_exit=end head -n 3' 'tee { exec mode=stream cat ; exec mode=each cat ; discard }'; do
        chanpipe --account account.json "$p" in >out 2>err || fail "$p: $? $(cat err)"
        [ -s account.json ]
    done
    chanpipe --account account.json 'exec mode=stream cat' in >out
    n=$(wc -l <in)
    grep -q "\"made\":$n" account.json
    grep -q "\"taken\":$n" account.json
}

@test "with small blocks, batches and channels all is the same" {
    numbered 60000 >in
    for capacity in 0 1; do
        export CHANPIPE_TEST_BLOCK=61 CHANPIPE_TEST_BATCH=3 CHANPIPE_TEST_CAPACITY=$capacity
        for p in 'exec mode=stream cat' 'exec mode=each cat | keep line' 'exec mode=each cat with workers=3 | keep answer' \
            'exec mode=stream sort -s -k 2,2' 'exec mode=stream tac | exec mode=stream tac'; do
            chanpipe "$p" in >out
            cmp in out
        done
        chanpipe 'exec cat in | exec cat' >out
        cmp in out
        chanpipe 'tee { exec mode=each cat ; head 100000 } | keep line' in >out
        awk '{ print; print }' in | cmp - out
        chanpipe 'tee { exec mode=stream yes ; grep line } | head 1000 | count' in >out
        [ "$(cat out)" = '{"count":1000}' ]
    done
}

# chanpipe graph: drawings of pipelines; and what explain says of branches.
load helper

# draws DRAWING ARGS…: chanpipe graph ARGS prints DRAWING, in ASCII.
draws() {
    local expected=$1
    shift
    gives '' "${expected//\\/\\\\}" graph "$@"
}

@test "graph: a line is one line" {
    draws 'stdin -> parse -> filter -> stdout' 'parse json | filter a'
    draws 'files -> parse -> stdout' 'parse json' no-such-file
    draws 'files -> parse -> file' 'files x | parse json | file out'
    [ ! -e out ]
}

@test "graph: tee with branches that come together" {
    draws 'stdin -> parse -> tee
|- filter -> set -> merge
|- filter2 -> merge
`> merge -> stdout' 'parse json | tee { filter a | set b = 1 ; filter c }'
}

@test "graph: box-drawing characters where the locale is UTF-8, or asked for" {
    expected='stdin → parse → tee
├─ filter → merge
├─ route
│  ├─ 1: a == 1 → head → merge2
│  ├─ no case → merge2
│  ╰▶ merge2 → merge
├─ file
╰▶ merge → stdout'
    p='parse json | tee { filter c ; route { a == 1 => head 1 } ; file x }'
    cp_run graph --format text "$p"
    expected=${expected//merge2/M} expected=${expected//merge/merge2} expected=${expected//M/merge}
    assert_equal "$status $output" "0 $expected"
    LC_ALL=C.UTF-8 cp_run graph "$p"
    assert_equal "$output" "$expected"
    LC_ALL='' LANG=de_DE.utf8 cp_run graph "$p"
    assert_equal "$output" "$expected"
    LC_ALL='' LANG='' cp_run graph "$p"
    [ -z "$(tr -d '\0-\177' <<<"$output")" ] || fail "$output"
    LC_ALL=C.UTF-8 cp_run graph --format ascii "$p"
    [ -z "$(tr -d '\0-\177' <<<"$output")" ] || fail "$output"
}

@test "graph: tee with sinks only: the records go on" {
    draws 'stdin -> parse -> tee
|- file
|- filter -> file2
`- head -> stdout' 'parse json | tee { file a ; filter b | file c } | head 2'
}

@test "graph: route with names, numbers, else; without else" {
    draws 'stdin -> parse -> route
|- bad: status >= 500 -> file
|- 2: dur > 2 -> set -> stdout
`- else -> discard' 'parse json | route { bad: status >= 500 => file err.log ; dur > 2 => set slow = true ; else => discard }'
    draws 'stdin -> parse -> route
|- 1: s == "b" -> set -> merge
|- no case -> merge
`> merge -> stdout' 'parse json | route { s == "b" => set x = true }'
    draws 'stdin -> parse -> route
`- else -> head -> stdout' 'parse json | route { else => head }'
}

@test "graph: branches in branches" {
    draws 'stdin -> parse -> tee
|- route
|  |- 1: s == "a" -> tee2
|  |  |- set -> merge
|  |  |- filter -> merge
|  |  `> merge -> merge2
|  |- else -> set2 -> merge2
|  `> merge2 -> merge3
|- set3 -> merge3
`> merge3 -> keep -> stdout' 'parse json | tee { route { s == "a" => tee { set k = 1 ; filter n > 9 } ; else => set k = "b" } ; set k = 3 } | keep n, k'
}

@test "graph: merge of two sources" {
    draws '.- files -> parse -> merge
|- files2 -> parse2 -> merge
`> merge -> sort -> stdout' 'merge { files a | parse json ; files b | parse logfmt } | sort n'
    draws '.- files -> tee
|  |- head -> merge
|  |- tail -> merge
|  `> merge -> merge2
|- files2 -> merge2
`> merge2 -> stdout' 'merge { files a | tee { head ; tail } ; files b }'
}

@test "graph: from" {
    printf '%s\n' 'stages:' '  - parse: json' '    name: in' '  - filter: n == 1' '    name: one' \
        '  - filter: n == 4' '    from: in' '    name: four' '  - count:' '    from: [one, four]' >p.yaml
    draws 'stdin -> in -> tee
|- one -> merge
|- four -> merge
`> merge -> count -> stdout' p.yaml
    printf '%s\n' 'stages:' '  - route:' '      - {when: line == "a", name: first, do: file x}' \
        '      - else: head' '    name: r' '  - count:' '    from: r.first' '  - file: y' '  - tail: 2' '    from: head' >p.yaml
    cp_run graph p.yaml
    assert_equal "$status $output" '0 stdin -> r
|- first: line == "a" -> tee
|  |- file
|  `- count -> file2
`- else -> head -> tail -> stdout'
}

@test "graph: ways that cross" {
    cat >p.yaml <<'END'
stages:
  - {parse: json, name: in}
  - {head: 1, name: a}
  - {head: 2, name: b, from: in}
  - {head: 3, name: c, from: in}
  - {tail: 1, name: t, from: [a, b]}
  - {sort: n, from: [t, c]}
END
    draws 'stdin -> in -> tee
|- a -> merge
|- b -> merge
|- c -> merge2
|> merge -> t -> merge2
`> merge2 -> sort -> stdout' p.yaml
}

@test "graph: workers, capacities, policies" {
    draws 'stdin -> parse x2 -> filter x3 -[8]-> tee
|- [2]-> head -> merge
|- filter2 x3 -> merge
`> merge -> stdout' -w 3 'parse json with workers=2 | filter a | tee { head with capacity=2 ; filter b } with capacity=8'
    printf 'defaults: {capacity: 16}\nstages:\n  - head: 1\n    capacity: 4\n  - route: [{when: line, do: discard}, else: file x]\n' >p.yaml
    draws 'stdin -> head -[16]-> route
|- 1: line -[16]-> discard
`- else -[16]-> file' p.yaml
    CHANPIPE_TEST_CAPACITY=2 draws 'stdin -> head -> stdout' -e 'head with capacity=4'
}

@test "graph: dot" {
    expected='digraph pipeline {
    node [shape=box];
    n0 [label="stdin"];
    n1 [label="parse ×2\njson"];
    n2 [label="route"];
    n3 [label="set\nb = \"x\\y\""];
    n4 [label="merge"];
    n5 [label="stdout"];
    n0 -> n1 [label="[8]"];
    n1 -> n2;
    n2 -> n3 [label="q: a == \"<\""];
    n2 -> n4 [label="no case"];
    n3 -> n4;
    n4 -> n5;
}'
    cp_run graph --format dot 'parse json with workers=2 capacity=8 | route { q: a == "<" => set b = "x\\y" }'
    # In the expression the backslash is doubled, and each is escaped.
    assert_equal "$status $output" "0 ${expected/x\\\\y/x\\\\\\\\y}"
}

@test "graph: dot is accepted by Graphviz" {
    needs dot
    for p in 'head' 'parse json | tee { filter a =~ /"\\x/ ; set b = "}\"" }' 'parse json | route { a == "->" => discard ; else => file "a b" }'; do
        chanpipe graph --format dot -e "$p" | dot -Tplain >/dev/null
    done
}

@test "graph: mermaid" {
    draws 'flowchart TD
    n0["stdin"]
    n1["parse<br>json"]
    n2["route"]
    n3["set<br>b = #quot;#lt;/#gt;#35;#124;#96;#quot;"]
    n4["discard"]
    n5["stdout"]
    n0 --> n1
    n1 --> n2
    n2 -->|"1: a #gt; 1"| n3
    n2 -->|"else"| n4
    n3 --> n5' --format mermaid 'parse json | route { a > 1 => set b = "</>#|`" ; else => discard }'
}

@test "graph: long and odd texts are cut and harmless" {
    cp_run graph --format dot $'parse json | filter a == "ü" and aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa == 1 | route { a ==\n 1 => discard }'
    assert_equal "$status" 0
    grep -qF '"filter\na == \"ü\" and aaaaaaaaaaaaaaaaaaaaaaaaaaa..."' <<<"$output" || fail "$output"
    grep -q '"1: a == 1"' <<<"$output" || fail "$output"
}

@test "graph: mistakes" {
    refuses 'text.ascii.dot.mermaid' graph --format mermaidd 'parse json'
    refuses 'graph' graph
    refuses 'unknown format jsn' graph 'parse jsn | head'
    refuses '-w cannot be 0' graph -w 0 'parse json | head'
}

# ---- Mistakes and slips with branches ----

# is_fine PIPELINE: check has nothing against it, be it that one branch can stall another.
is_fine() {
    cp_run check "$1"
    [ "$status" = 0 ] && [ -z "$stderr" ] && [[ $output == *': ok'* ]] || fail "$output$stderr"
}

@test "check: a row of stages that is a row of branches" {
    printf 'stages:\n  - parse: json\n  - tee: [filter a == 1, file x]\n' >p.yaml
    cp_run check p.yaml
    assert_equal "$status ${output%%$'\n'*}" '0 p.yaml: ok'
    assert_stderr '^p.yaml:3:11: warning: each of these 2 stages is a branch of its own'
    assert_stderr 'hint: \[\[STAGE, STAGE\]\] is one branch'
    for list in '[[filter a == 1, file x]]' '[[filter a == 1], [file x]]' '[filter a == 1 | head, file x]' \
        '[file x, filter a == 1]' '[filter a == 1, keep b]' '[file x, file y]' "'{ filter a == 1 ; file x }'"; do
        printf 'stages:\n  - parse: json\n  - tee: %s\n' "$list" >p.yaml
        is_fine p.yaml
    done
    is_fine 'parse json | tee { filter a == 1 ; file x }'
    chanpipe convert 'parse json | tee { filter a == 1 ; file x }' >p.yaml
    is_fine p.yaml
    printf 'stages:\n  - parse: json\n  - tee:\n      - filter a == 1\n      - file x\n' >p.yaml
    cp_run check p.yaml
    assert_stderr '^p.yaml:4:9: warning: each of these 2 stages'
    printf 'stages:\n  - merge: [files a, parse json]\n' >p.yaml
    cp_run check p.yaml
    assert_equal "$status" 2
    assert_stderr '^p.yaml:2:13: warning: each of these 2 stages is a branch'
    assert_stderr '^p.yaml:2:22: error: parse gets no records'
}

@test "check: two stages would write standard output" {
    refuses '1:.*error: stdout and stdout2 would write into each other.*hint: leave it out in the branches' \
        check 'parse json | tee { filter a | stdout ; stdout }'
    refuses '1:27: error: stdout and stdout2 would write' check 'parse json | tee { head | stdout ; tail }'
    is_fine 'parse json | tee { head | stdout ; file x } | stderr'
}

@test "check: threads have a limit" {
    p=head
    for i in 1 2 3 4 5 6 7 8; do p="$p | filter line with workers=63 capacity=1"; done
    gives '' 'pipeline: ok' check "$p | filter line with workers=63" # in the threads of the last one
    refuses 'error: the pipeline has 570 threads, more than 512' check "$p | filter line with workers=63 capacity=1"
}

# ---- explain ----

# section NAME: the lines of that section of $output, blanks squeezed.
section() {
    awk -v head="$1" '/^[A-Z]/ { on = $0 == head; next } on && NF' <<<"$output" | sed -E 's/^ +//; s/ +/ /g'
}

@test "explain: threads and channels of branches with workers" {
    cp_run explain -w 2 'parse json | tee { filter a ; count by b } | head with capacity=9'
    assert_equal "$status" 0
    grep -qx 'parse parse 2 Reads records of a format' <<<"$(section Threads)" || fail "$output"
    grep -qx '10 threads in all' <<<"$(section Threads)" || fail "$output"
    assert_equal "$(section Channels)" 'from to capacity when full
stdin parse 2 x 4 batches wait
parse tee 2 x 4 batches wait
tee filter 2 x 4 batches wait
tee count 2 x 4 batches wait
filter merge 2 x 4 batches wait
count merge 4 batches wait
merge head 9 batches wait
head stdout 4 batches wait'
    refuses '-w cannot be x' explain -w x 'parse json | head'
}

@test "explain: what each stage reads and makes" {
    cp_run explain 'parse combined | filter agent =~ /(?<bot>b+)/ and status > 1 | set x = bytes + 1, y = x | keep bot, x as z | count by z'
    assert_equal "$(section Fields)" 'parse reads agent, status, bytes
filter reads agent, status
filter makes bot
set reads bytes, x
set makes x, y
keep reads bot, x
keep leaves bot, z
count reads z
count makes z, count
stdout writes json z, count'
    cp_run explain 'parse json | rename v to w | unset q | set z = 1, a = 2'
    assert_equal "$(section Fields | tr '\n' ' ' | grep -o 'stdout writes.*[^ ]')" 'stdout writes json w (from v), z, a, and all other fields of each record but q'
    cp_run explain 'parse json | parse logfmt from log | keep u'
    assert_equal "$(section Fields)" 'parse reads log, u
parse2 takes apart log
parse2 reads u
keep reads u
keep leaves u
stdout writes json u'
}

@test "explain: fields where branches come together" {
    cp_run explain 'parse json | tee { set big = n ; keep n } | filter big > 1'
    assert_equal "$(section Fields | tr '\n' ' ')" 'parse reads n set reads n set makes big keep reads n keep leaves n merge brings big, and else what each branch made of the record filter reads big stdout writes json what each branch made of the record '
    cp_run explain 'tee { head ; tail }'
    grep -qx 'merge brings what each branch made of the record' <<<"$(section Fields)" || fail "$output"
}

@test "explain: the order" {
    cp_run explain 'parse json | head'
    assert_equal "$(section Order)" 'that of the input'
    cp_run explain -w 2 'parse json | route { a => count ; else => set b = 1 }'
    assert_equal "$(section Order | tr '\n' ' ')" 'workers parse, set: in turns; what they send leaves in the order it came in workers count: added up when the input has ended merge the order that records had in route, for each record branch by branch; then what comes at the end of the input from count '
    cp_run explain 'merge { files a ; files b }'
    assert_equal "$(section Order)" 'merge each input keeps its own order'
}

# Pipeline files: the traps of YAML with their places and hints, limits, keys, ${} (product.md, section 2).
load helper

# wrong TEXT PLACE PATTERN: check says PLACE: error or warning …PATTERN about the file p.yaml.
wrong() {
    printf '%b' "$1" >p.yaml
    cp_run check p.yaml
    [ "$status" = 2 ] && grep -qE "^p.yaml:$2: error: .*$3|^p.yaml:$2: error: " <<<"$stderr" && grep -qE -- "$3" <<<"$stderr" || fail "$1
expected: p.yaml:$2: error … $3
got:      $status, $stderr$output"
}

right() {
    printf '%b' "$1" >p.yaml
    cp_run check p.yaml
    [ "$status" = 0 ] || fail "$1
$stderr"
}

@test "trap: a blank and # cut an expression" {
    wrong 'stages:\n  - filter: msg =~ /error #\\\\d+/\n' '2:[0-9]+' '#'
    right "stages:\n  - filter: 'msg =~ /error #\\\\\\\\d+/'\n"
    right 'stages:\n  - filter: a == 1 # a comment\n'
}

@test "trap: ! is a tag" {
    wrong 'stages:\n  - filter: !ok\n' '2:13' 'not'
}

@test "trap: a colon and a blank make a map" {
    wrong 'stages:\n  - filter: path =~ /(\\\\d+): /\n' '2:[0-9]+' "quote"
    right "stages:\n  - filter: 'path =~ /(\\\\\\\\d+): /'\n"
}

@test "trap: commas of a flow list split an expression" {
    wrong 'stages: [parse json, set a = if(x, 1, 2)]\n' '1:[0-9]+' 'quote|comma'
}

@test "trap: text after a closing quote; a leading @ * & % and backtick" {
    wrong 'stages:\n  - filter: "a" == b\n' '2:[0-9]+' 'quote'
    wrong 'stages:\n  - filter: @timestamp > 5\n' '2:13' "quote"
    wrong 'stages:\n  - filter: *a\n' '2:13' "quote|alias"
    wrong 'stages:\n  - filter: %a\n' '2:13' "quote"
    wrong 'stages:\n  - filter: `a`\n' '2:13' "quote"
}

@test "trap: duplicate keys, tabs" {
    wrong 'stages:\n  - head: 1\nstages:\n  - head: 2\n' '3:1' 'stages'
    wrong 'stages:\n  - parse: json\n    on_error: skip\n    on_error: keep\n' '4:5' 'on_error'
    wrong 'stages:\n\t- head: 1\n' '2:1' '[Tt]ab'
}

@test "unknown keys with what was meant" {
    wrong 'stags:\n  - head: 1\n' '1:1' 'did you mean stages'
    wrong 'stages:\n  - parse: json\n    on_eror: skip\n' '3:5' 'did you mean on_error'
    wrong 'stages:\n  - pasre: json\n' '2:5' 'did you mean parse'
    wrong 'stages:\n  - parse: json\n    on_error: kep\n' '3:15' 'did you mean keep'
    wrong 'stages:\n  - parse: json\n    nonsense: 1\n' '3:5' 'nonsense'
}

@test "wrong types and values" {
    wrong 'stages:\n  - head: x\n' '2:11' 'x'
    wrong 'stages:\n  - file: out\n    append: yes\n' '3:13' 'true'
    wrong 'stages:\n  - stdin:\n    max_line: 5 apples\n' '3:15' 'size|bytes|KiB'
    wrong 'stages:\n  - head: 1\n    capacity: -1\n' '3:15' ''
    wrong 'stages: 5\n' '1:9' ''
    wrong 'stages: []\n' '1:9' ''
    wrong 'name: x\n' '1:1' 'stages'
    wrong '' '1:1' ''
    wrong '- a\n- b\n' '1:1' ''
    wrong 'stages:\n  - head: 1\n    tail: 2\n' '3:5' ''
    wrong 'stages:\n  - {}\n' '2:5' ''
    wrong 'stages:\n  - stdout:\n  - head: 1\n' '[23]:5' ''
    wrong 'stages:\n  - head: 1\n  - stdin:\n' '3:5' ''
}

@test "what this version does not have is said" {
    wrong 'stages:\n  - follow: x.log\n' '2:5' ''
}

# converts TEXT LINE: convert makes the one-liner LINE of a file, and it leaves as it was canonical.
converts() {
    printf '%b' "$1" >p.yaml
    gives '' "$2" convert p.yaml
    chanpipe convert -e "$2" >canonical.yaml && gives '' "$2" convert canonical.yaml
}

@test "branches: lists, maps, texts, cases" {
    converts 'stages:\n  - tee:\n      - [file all.log]\n      - [filter level == "error", file errors.log]\n  - head\n' \
        'tee { file all.log ; filter level == "error" | file errors.log } | head'
    converts 'stages:\n  - merge:\n      - files a | parse json\n      - files: b\n        name: b\n    by: time\n    from: [x.y, z]\n' \
        'merge { files a | parse json ; b: files b } with by=time from=[x.y, z]'
    converts 'stages:\n  - route:\n      - when: status >= 500\n        name: bad\n        do: [tail, {head: 3}]\n      - else: discard\n    name: r\n' \
        'r: route { bad: status >= 500 => tail | head 3 ; else => discard }'
}

@test "branches: mistakes are at their places" {
    wrong 'stages:\n  - tee:\n' '2:9' 'tee has no branches'
    wrong 'stages:\n  - tee: [[], [head]]\n' '2:11' 'this branch has no stages'
    wrong 'stages:\n  - tee: {head: 1}\n' '2:10' 'tee takes a list of branches'
    wrong 'stages:\n  - tee: [[hed]]\n' '2:12' 'did you mean head'
    wrong 'stages:\n  - route:\n      - {do: head}\n' '3:9' 'this case has no when'
    wrong 'stages:\n  - route:\n      - {when: a}\n' '3:9' 'this case has no do'
    wrong 'stages:\n  - route:\n      - {whne: a, do: head}\n' '3:10' 'did you mean when'
    wrong 'stages:\n  - route:\n      - else: head\n      - {when: a, do: tail}\n' '3:9' 'else is the last case'
    wrong 'stages:\n  - route:\n      - else: head\n      - else: tail\n' '4:9' 'else stands here twice'
    wrong 'stages:\n  - head: 1\n    name: a\n  - tee:\n      - "a: head"\n' '5:10' 'two stages are named a'
}

@test "branches: traps in conditions and branches" {
    wrong 'stages:\n  - route:\n      - when: msg =~ /error #1/\n        do: head\n' '3:29' 'takes ` #` for a comment'
    wrong 'stages:\n  - route:\n      - when: !ok\n        do: head\n' '3:15' 'tag'
    wrong 'stages:\n  - route:\n      - when: path =~ /x: /\n        do: head\n' '3:25' 'quotes'
    wrong 'stages:\n  - route:\n      - {when: if(a, b, c), do: head}\n' '3:22' 'splits at every comma'
    wrong 'stages:\n  - tee: [set a = if(x, 1, 2), head]\n' '2:23' 'splits at every comma'
    wrong 'stages:\n  - tee: { head ; tail }\n' '2:10' 'in YAML . . is a map'
    wrong 'stages:\n  - route { x: a => head }\n' '2:14' 'this text became a map'
}

@test "branches: a caret stands under the word" {
    printf 'stages:\n  - tee:\n      - [head, fliter a]\n' >p.yaml
    cp_run convert p.yaml
    assert_equal "$(grep -A2 'there is no stage' <<<"$stderr" | tail -2)" '        - [head, fliter a]
                 ^~~~~~'
    printf 'stages: |\n  tee { head\n    ; filter (a\n  }\n' >p.yaml
    cp_run convert p.yaml
    assert_equal "$(sed -n 2,3p <<<"$stderr")" '      ; filter (a
               ^'
}

@test "all mistakes at once" {
    printf 'nmae: x\nstages:\n  - parse: jsn\n  - fliter: a\n  - head: x\n  - filter: a ==\n' >p.yaml
    cp_run check p.yaml
    for place in 1:1 3:12 4:5 5:11 6:; do assert_stderr "^p.yaml:$place.*error"; done
    cp_run p.yaml </dev/null
    assert_equal "$status" 2
}

@test "a caret stands under the word" {
    printf 'stages:\n  - parse: jsn\n' >p.yaml
    cp_run check p.yaml
    assert_equal "$(sed -n 2,3p <<<"$stderr")" '    - parse: jsn
             ^~~'
}

@test "scalars are text until an option gives them a type" {
    printf 'stages:\n  - parse: json\n  - filter: no == 1\n  - head: 12\n' >p.yaml
    printf '{"no":1,"n":%d}\n' $(seq 20) >in
    [ "$(chanpipe p.yaml in | wc -l)" = 12 ]
    right 'stages:\n  - parse: json\n  - filter: on\n  - keep: y, n, no\n'
}

@test "items: a map, a text, a block of text with comments" {
    printf 'stages: |\n  parse json   # reads\n  | filter a > 1\n  # all of it\n  | head 1\n' >p.yaml
    gives '{"a":1}\n{"a":2}\n{"a":3}\n' '{"a":2}' p.yaml
    printf 'stages:\n  - parse json\n  - filter a > 1\n  - head: 1\n' >p.yaml
    gives '{"a":1}\n{"a":2}\n{"a":3}\n' '{"a":2}' p.yaml
}

@test "\${X}, defaults, messages, literals, and \$1" {
    printf 'vars: {x: "bx"}\nstages:\n  - grep: ${x}\n' >p.yaml
    gives 'abx\nb\n' 'abx' p.yaml
    printf 'stages:\n  - grep: ${NOT_SET_X:-b}\n' >p.yaml
    gives 'a\nb\n' 'b' p.yaml
    NOT_SET_X=a gives 'a\nb\n' 'a' p.yaml
    printf 'stages:\n  - grep: $${x}$1\n' >p.yaml
    gives 'a${x}$1\nb\n' 'a${x}$1' p.yaml
    wrong 'stages:\n  - grep: ${NOT_SET_X}\n' '2:11' 'NOT_SET_X'
    wrong 'stages:\n  - grep: ${NOT_SET_X:?give a word}\n' '2:11' 'give a word'
    wrong 'stages:\n  - grep: ${x\n' '2:11' ''
    wrong 'stages:\n  - filter: a == ${X}\n' '2:[0-9]+' 'env.X|var.X'
}

@test "defaults, names, vars, tests are accepted" {
    right 'name: x\nvars: {a: 1}\ndefaults: {capacity: 2, on_error: skip}\nstages:\n  - name: one\n    parse: json\n  - head: 1\n    name: two\ntests:\n  - name: t\n    input: ["{}"]\n    expect: [{}]\n'
    wrong 'stages:\n  - head: 1\n    name: a\n  - head: 1\n    name: a\n' '5:11' 'a'
}

@test "tests: their keys and what they hold" {
    local tests='stages:\n  - head: 1\ntests:\n  - '
    right "${tests}name: a\n    input: ['{}', b]\n    expect: [{a: {b: [c]}}, d]\n  - input: |\n      a\n      b\n    expect: |\n      a\n"
    right "${tests}name: nothing\n    input: []\n    expect: []\n"
    wrong "${tests}nme: a\n" '4:5' 'a test has no key nme.*|did you mean name'
    grep -q 'did you mean name' <<<"$stderr"
    wrong "${tests}name: a\n    output: x\n" '5:5' 'a test has no key output'
    grep -q 'name, input and expect' <<<"$stderr"
    wrong "${tests}name: [a]\n" '4:11' 'name of a test is a text'
    wrong "${tests}input: {a: 1}\n" '4:12' 'input of a test is a text, or a list of lines'
    wrong "${tests}input: [{a: 1}]\n" '4:12' 'input of a test is a text, or a list of lines'
    wrong "${tests}expect: {a: 1}\n" '4:13' 'expect of a test is a text, or a list of records'
    wrong "${tests}expect:\n" '4:5' 'expect has no value'
    wrong "${tests}just text\n" '4:5' 'a test is a map'
}

@test "limits: deep flow, aliases, NUL, bad UTF-8, size: refused at once" {
    { printf 'stages: '; head -c 100000 /dev/zero | tr '\0' '['; } >p.yaml
    LIMIT=2 cp_run check p.yaml
    assert_equal "$status" 2
    assert_stderr '^p.yaml:1:[0-9]+: error'
    printf 'a: &a [x,x,x,x,x,x,x,x,x]\n' >p.yaml
    for i in b c d e f g h i j k l; do
        p=$(printf %s "$i" | tr b-l a-k)
        printf '%s: &%s [*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s]\n' $i $i $p $p $p $p $p $p $p $p $p >>p.yaml
    done
    LIMIT=2 cp_run check p.yaml
    assert_equal "$status" 2
    printf 'stages:\n  - head: 1\0\n' >p.yaml
    cp_run check p.yaml
    assert_equal "$status" 2
    assert_stderr '^p.yaml:2:'
    printf 'stages:\n  - grep: \xff\n' >p.yaml
    cp_run check p.yaml
    assert_equal "$status" 2
    assert_stderr '^p.yaml:2:'
    { echo 'stages:'; yes '  - head: 1' | head -c 20000000; } >p.yaml
    LIMIT=2 cp_run check p.yaml
    assert_equal "$status" 2
}

@test "an endless or huge list of mistakes ends" {
    { echo 'stages:'; yes '  - haed: 1' | head -2000; } >p.yaml
    cp_run check p.yaml
    assert_equal "$status" 2
}

@test "defaults: workers for the stages that can have them; what is wrong is said once" {
    printf 'defaults: {workers: 3}\nstages:\n  - parse: json\n  - filter: n > 1\n  - head: 2\n  - stdout: {format: csv}\n' >p.yaml
    gives '{"n":1}\n{"n":2}\n{"n":3}\n{"n":4}\n' 'n\n2\n3' run p.yaml
    cp_run explain p.yaml
    assert_equal "$(awk '$1 ~ /^(parse|filter|head|stdout)$/ && n++ < 4 { printf "%s ", $3 }' <<<"$output")" '3 3 1 1 '
    printf 'defaults: {workers: x, name: a}\nstages:\n  - parse: json\n  - head: 2\n' >p.yaml
    cp_run check p.yaml
    assert_equal "$status $(grep -c error: <<<"$stderr")" '2 2'
    assert_stderr '^p.yaml:1:21: error: workers is a number from 1 to 64, or auto'
    assert_stderr 'hint: workers, order, capacity'
}

# The command line: every command and option, right and wrong (product.md, section 1).
load helper

@test "version, help, list" {
    gives '' 'chanpipe 0.1.0' version
    cp_run help
    assert_equal "$status" 0
    for word in run check explain graph convert list help version; do grep -qw "$word" <<<"$output" || fail "help does not name $word"; done
    cp_run --help
    assert_equal "$status" 0
    for topic in parse filter json csv count expressions settings branches run graph upper; do
        cp_run help $topic
        [ "$status" = 0 ] && [ -n "$output" ] || fail "help $topic"
    done
    refuses 'did you mean filter' help fliter
    for what in stages formats functions pipelines; do
        cp_run list $what
        assert_equal "$status" 0
    done
    refuses 'error|chanpipe: ' list nonsense
}

@test "help: a setting of every stage, an option of run" {
    for word in $(chanpipe help settings | sed -nE 's/^  ([a-z_]+) .*/\1/p'); do
        cp_run help "$word"
        assert_equal "$status $stderr" '0 '
        grep -q '^A setting of every stage:$' <<<"$output"
        grep -qE "^  $word +[a-z]" <<<"$output"
        assert_equal "$(grep -cE '^  [a-z]' <<<"${output%%$'\n\n'It is*}")" 1
    done
    cp_run help capacity
    grep -q 'unbounded: any number' <<<"$output"
    cp_run help retry
    [[ $output == 'An option of chanpipe run:'*--retry* ]]
    refuses 'did you mean on_error\?' help on_eror
}

@test "without arguments it says how it is used, with status 2" {
    cp_run </dev/null
    assert_equal "$status" 2
    assert_stderr 'chanpipe'
}

@test "a wrong option, command or pipeline is status 2 with what was meant" {
    refuses 'did you mean --strict' --strikt head
    refuses 'did you mean --account' run --acount x -e head
    refuses 'did you mean the command explain' explan 'parse json'
    refuses 'chanpipe: ' -Z 'parse json'
    refuses 'did you mean (csv|tsv)' -o cvs 'parse json'
    refuses 'chanpipe: ' -o
    refuses 'chanpipe: ' --grace 5 'parse json | head'
    refuses 'chanpipe: ' --color sometimes 'parse json | head'
    refuses 'chanpipe: ' -w x 'parse json | head'
    refuses 'chanpipe: ' -D novalue 'parse json | head'
    refuses 'did you mean json' 'parse jsn'
    refuses 'did you mean filter' 'parse json | fliter a'
}

@test "-e, -f, -f - and a name with .yaml" {
    printf 'stages:\n  - head: 1\n' >p.yaml
    gives 'a\nb\n' 'a' -e 'head 1'
    gives 'a\nb\n' 'a' -f p.yaml
    gives 'a\nb\n' 'a' run p.yaml
    gives 'a\nb\n' 'a' p.yaml
    gives 'a\nb\n' 'a' run --file=p.yaml
    cp p.yaml 'a b.yaml'
    gives 'a\nb\n' 'a' 'a b.yaml'
    printf 'a\nb\n' >in
    cp_run run -f - in <p.yaml
    assert_equal "$status $output" '0 a'
}

@test "operands: several files, -, --, options behind" {
    printf '1\n' >a; printf '2\n' >b; printf '3\n' >./-x
    gives '9\n' '1\n9\n2' 'head 9' a - b
    gives '' '1\n3' 'head 9' a -- -x
    gives '' '{"line":"1"}' 'head 9' a -o json
    gives '' '{"line":"1"}' -o json -- 'head 9' a
    cp_run 'head 9' a missing
    assert_equal "$status" 4
    assert_stderr 'missing: No such file'
    echo 7 >b
    gives '' '7' 'files a | head' b
}

@test "a bare word with run is a ready-made pipeline" {
    mkdir -p pipelines cfg/chanpipe/pipelines
    printf '# Its first line.\nstages:\n  - head: 1\n' >pipelines/first.yaml
    printf '# From the user.\nstages:\n  - tail: 1\n' >cfg/chanpipe/pipelines/last.yaml
    gives 'a\nb\n' 'a' run first
    XDG_CONFIG_HOME=$PWD/cfg gives 'a\nb\n' 'b' run last
    XDG_CONFIG_HOME=$PWD/cfg cp_run list pipelines
    grep -q 'first.*Its first line' <<<"$output"
    grep -q 'last.*From the user' <<<"$output"
    refuses 'did you mean the pipeline first' run frist
    refuses 'head' run head
    refuses '-e' head
}

@test "-D sets variables, the last one counts, and goes before the file's" {
    printf 'vars: {n: a}\nstages:\n  - grep: ${n}\n' >p.yaml
    gives 'a\nb\nc\n' 'a' p.yaml
    gives 'a\nb\nc\n' 'b' -D n=b p.yaml
    gives 'a\nb\nc\n' 'c' -D n=b -D n=c p.yaml
    gives '{}\n' '{"a":"x=y"}' -D v=x=y 'parse json | set a = var.v'
}

@test "the number of head may be a variable" {
    printf 'vars: {n: 1}\nstages:\n  - head: ${n}\n' >p.yaml
    gives 'a\nb\nc\n' 'a' p.yaml
    gives 'a\nb\nc\n' 'a\nb' -D n=2 p.yaml
}

@test "-o: each format, and -s, -v, -q" {
    for f in json logfmt csv tsv table raw; do
        cp_run -o $f 'parse logfmt' < <(echo a=1)
        [ "$status" = 0 ] && [ -n "$output" ] || fail "-o $f"
    done
    cp_run -s 'parse logfmt' < <(echo a=1)
    assert_equal "$output" '{"a":1}'
    for stage in stdin parse stdout; do assert_stderr "^ *$stage\b"; done
    cp_run -q 'parse json' < <(echo bad)
    assert_equal "$status $stderr" '0 '
}

@test "--account: a file, - for standard error, every stage balances" {
    printf '{"a":1}\n{bad\n\n{"a":2}\n{"a":2}\n' >in
    cp_run --account acc 'parse json | filter a > 1 | count by a | head 5' in
    assert_equal "$output" '{"a":2,"count":2}'
    jq -se 'all(.[] | select(.stage); .in + .made == .out + .filtered + .dropped + .errored + .taken + .held)' acc
    jq -se 'map(select(.stage).stage) == ["files","parse","filter","count","head","stdout"]' acc
    jq -se '.[1] | .in == 5 and .errored == 1 and .filtered == 1 and .out == 3' acc
    cp_run --account - 'parse json' in
    grep -q '"stage":"parse"' <<<"$stderr"
    cp_run --account no/such/dir/x 'parse json' in
    assert_equal "$status" 4
}

@test "--strict, -x and their precedence" {
    cp_run -x --strict 'parse json' < <(echo bad)
    assert_equal "$status" 3
    cp_run -x 'parse json' < <(echo bad)
    assert_equal "$status" 1
    cp_run -x 'parse json | discard' < <(echo 1)
    assert_equal "$status" 0
}

@test "check: all pipelines, all mistakes, and a line for what is right" {
    printf 'stages:\n  - parse: json\n' >good.yaml
    printf 'stages:\n  - parse: jsn\n  - heed: 1\n' >bad.yaml
    gives '' 'good.yaml: ok' check good.yaml
    cp_run check good.yaml bad.yaml
    assert_equal "$status" 2
    assert_stderr '^bad.yaml:2:12: error: .*jsn'
    assert_stderr '^bad.yaml:3:5: error: .*heed'
    gives '' '' check -q good.yaml
    cp_run check missing.yaml
    [ "$status" != 0 ]
    assert_stderr 'missing.yaml: No such file'
}

@test "explain: stages, channels, what is read, the bound; nothing is run" {
    cp_run explain 'parse json | filter status >= 500 | keep msg | file out.json' no-such-input
    assert_equal "$status" 0
    for word in files parse filter keep file status msg; do grep -qw "$word" <<<"$output" || fail "no $word in $output"; done
    grep -qE 'together +[0-9]+(\.[0-9]+)? [KM]iB' <<<"$output" || fail "$output"
    [ ! -e out.json ]
}

@test "--account never writes into a file that the pipeline reads or writes, nor empties one for nothing" {
    seq 5 | sed 's/.*/{"n":&}/' >in
    cp in saved
    for args in 'in' '' 'out.json' './bad'; do
        status=0
        case $args in
        in) chanpipe --account in 'parse json | count' in ;;
        '') chanpipe --account in 'parse json | count' <in ;;
        *) chanpipe --account "${args#./}" 'parse json with on_error={to: ./bad} | file out.json' in ;;
        esac >out 2>err || status=$?
        assert_equal "$status" 4
        grep -Eq '^chanpipe: cannot write (in: the pipeline reads|(bad|out.json): the pipeline writes) this file' err || fail "$args: $(cat err)"
        cmp in saved
    done
    status=0
    chanpipe --account saved -e 'head 1' missing 2>err || status=$?
    assert_equal "$status" 4
    cmp in saved
    echo old >log
    chanpipe --account /dev/stdout 'parse json | count' in >>log
    assert_equal "$(head -n 2 log)" $'old\n{"count":5}'
    assert_equal "$(grep -c '"stage"' log)" 4
}

@test "a sink whose descriptor is closed is status 4" {
    status=0
    echo '{}' | chanpipe 'parse json | stderr' 2>&- || status=$?
    assert_equal "$status" 4
}

@test "help, list and explain report a full disk and a closed output" {
    for args in help version 'list functions' "help parse"; do
        status=0
        # shellcheck disable=SC2086
        timeout 10 "$CHANPIPE" $args >/dev/full 2>err || status=$?
        assert_equal "$args $status" "$args 4"
        grep -q 'No space left' err
        status=0
        # shellcheck disable=SC2086
        timeout 10 "$CHANPIPE" $args >&- 2>err || status=$?
        assert_equal "$args $status" "$args 4"
    done
    for args in 'explain' 'graph' 'convert' 'check'; do
        status=0
        timeout 10 "$CHANPIPE" $args 'parse json | head' >/dev/full 2>err || status=$?
        assert_equal "$args $status" "$args 4"
    done
}

@test "colour only where asked for, and not with NO_COLOR" {
    cp_run check --color always 'parse jsn'
    grep -q $'\e\[' <<<"$stderr"
    cp_run check --color never 'parse jsn'
    ! grep -q $'\e\[' <<<"$stderr"
    cp_run check 'parse jsn'
    ! grep -q $'\e' <<<"$stderr"
}

@test "control bytes of a pipeline or a log do not reach the terminal by a message" {
    cp_run check $'parse json | filter \e[31m'
    ! grep -q $'\e' <<<"$stderr"
    cp_run 'parse json' < <(printf '{"\033[31m\n')
    ! grep -q $'\e' <<<"$stderr"
    cp_run 'head 1' $'no\e[31m'
    ! grep -q $'\e' <<<"$stderr"
}

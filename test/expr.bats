# Expressions: the table expr.table, line by line; groups and records; mistakes with their place.
load helper

# section TITLE: every line of it, one process each; all that differ are shown.
section() {
    local format=json record= wrong=0 n=0 line expression result message got
    while IFS= read -r line; do
        case $line in
        '' | '#'*) continue ;;
        @*) format=${line%% *}; format=${format#@}; record=${line#* }; continue ;;
        esac
        n=$((n + 1))
        expression=${line% => *}
        result=${line##* => }
        message=
        [[ $result == *' ! '* ]] && message=${result#* ! } && result=${result%% ! *} && message=${message:-.}
        chanpipe run --strict -o json -e "parse $format | set _r = $expression | keep _r" <<<"$record" >got 2>err || true
        got=$(cat got)
        if [ "$got" != "{\"_r\":$result}" ]; then
            echo "$expression"$'\n'"    is       ${got:-$(cat err)}"$'\n'"    not      {\"_r\":$result}"
            wrong=$((wrong + 1))
        elif [ -n "$message" ] && ! grep -qF -- "1 of 1 record" err; then
            echo "$expression"$'\n'"    has no error, or: $(cat err)"
            wrong=$((wrong + 1))
        elif [ -z "$message" ] && [ -s err ]; then
            echo "$expression"$'\n'"    says     $(cat err)"
            wrong=$((wrong + 1))
        fi
    done < <(awk -v want="== $1" '/^== / { on = $0 == want; next } on' "$ROOT/test/expr.table")
    [ $n -gt 0 ] || fail "there is no section $1"
    [ $wrong = 0 ] || fail "$wrong of $n are wrong"
}

@test "all sections of the table have a test" {
    diff <(sed -n 's/^== //p' "$ROOT/test/expr.table" | sort) <(sed -n 's/^    section "\(.*\)"$/\1/p' "$BATS_TEST_FILENAME" | sort)
}

@test "table: precedence" {
    section "precedence"
}

@test "table: literals" {
    section "literals"
}

@test "table: integers and doubles" {
    section "integers and doubles"
}

@test "table: comparing JSON" {
    section "comparing JSON"
}

@test "table: comparing untyped text" {
    section "comparing untyped text"
}

@test "table: truth" {
    section "truth"
}

@test "table: evaluating only what is needed" {
    section "evaluating only what is needed"
}

@test "table: null and errors in arithmetic" {
    section "null and errors in arithmetic"
}

@test "table: paths" {
    section "paths"
}

@test "table: paths in flat formats" {
    section "paths in flat formats"
}

@test "table: regular expressions" {
    section "regular expressions"
}

@test "table: globs" {
    section "globs"
}

@test "table: in" {
    section "in"
}

@test "table: text functions" {
    section "text functions"
}

@test "table: number functions" {
    section "number functions"
}

@test "table: time functions" {
    section "time functions"
}

@test "table: durations against text" {
    section "durations against text"
}

@test "table: network functions" {
    section "network functions"
}

@test "table: JSON functions" {
    section "JSON functions"
}

@test "table: text that is written" {
    section "text that is written"
}

@test "an operator at fault is shown with its place" {
    refuses ':1:27: error: .*filter a < b < c' 'parse json | filter a < b < c'
    refuses ':1:25: error' 'parse json | filter a =='
    refuses ':1:21: error' 'parse json | filter )'
    refuses ':1:21: error: .*did you mean lower' 'parse json | filter lowr(a)'
    refuses 'error: .*' 'parse json | filter a =~ /(/'
    refuses 'error: .*' 'parse json | filter a == "\q"'
    refuses 'error: .*' 'parse json | filter a == "open'
    refuses 'error: .*' 'parse json | filter if(1)'
    refuses 'error: .*' 'parse json | filter a > 5k'
    refuses 'error: .*nobody' 'parse json | filter var.nobody == 1'
    refuses 'error: .*' 'parse json | set a.0 = 1'
}

@test "named groups become fields when it matches and stay away when not" {
    gives '{"m":"id=7 x"}\n{"m":"none"}\n' '{"m":"id=7 x","id":7}' 'parse json | filter m =~ /id=(?<id>\d+)/'
    gives '{"m":"id=7"}\n{"m":"x","id":3}\n{"m":"y"}\n' '{"id":7,"r":true}\n{"id":3,"r":false}\n{"r":false}' \
        'parse json | set r = m =~ /id=(?<id>\d+)/ | keep id, r'
    gives '{"m":"ab"}\n' '{"m":"ab","x":null,"y":"b"}' 'parse json | filter m =~ /(?<x>z)?(?<y>b)/'
    gives '{"m":"ab"}\n' '{"m":"ab"}' 'parse json | filter not (m !~ /(?<y>b)/)'
}

@test "env, var and -D" {
    X=hello gives '{}\n' '{"a":"hello","b":null,"c":"v"}' -D name=v 'parse json | set a = env.X, b = env.NOT_SET_AT_ALL, c = var.name'
}

@test "CHANPIPE_TEST_NOW fixes now()" {
    CHANPIPE_TEST_NOW=2026-11-20T10:00:00Z gives '{}\n' '{"a":"2026-11-20T10:00:00Z","b":"2026-11-20T09:00:00Z"}' \
        'parse json | set a = now(), b = ago(1h)'
}

@test "set sees what it has set before" {
    gives '{"a":1}\n' '{"a":2,"b":20,"c":22}' 'parse json | set a = a + 1, b = a * 10, c = a + b'
}

@test "errors are counted once for a record and stage, and on_error changes what becomes of it" {
    skips '{"a":0}\n{"a":2}\n' '{"a":0,"b":null,"c":null}\n{"a":2,"b":0.5,"c":0.5}' 'set: 1 of 2 records' 'parse json | set b = 1 / a, c = 1 / a'
    skips '{"a":0}\n{"a":2}\n' '{"a":2,"b":0.5}' 'set: 1 of 2 records' 'parse json | set b = 1 / a with on_error=skip'
    cp_run 'parse json | set b = 1 / a with on_error=keep | keep a, _error' < <(printf '{"a":0}\n{"a":2}\n')
    [ "$(jq -r 'select(.a == 0)._error | length > 0' <<<"$output")" = true ]
    [ "$(jq -r 'select(.a == 2)._error' <<<"$output")" = null ]
    cp_run 'parse json | set b = 1 / a with on_error=stop' < <(printf '{"a":1}\n{"a":0}\n{"a":2}\n')
    assert_equal "$status $output" '3 {"a":1,"b":1}'
}

@test "an expression nested too deep is an error, not a crash" {
    printf -v open '%30000s' ''
    refuses 'error: ' "parse json | filter ${open// /(}1${open// /)}"
    printf -v nots '%20000s' ''
    refuses 'error: ' "parse json | filter ${nots// /not }1"
}

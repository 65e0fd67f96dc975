# The manual pages and README: clean, in step with the program, and every example in them does what it says.
load helper

pages() {
    ls "$ROOT"/man/*.[1357]
}

# The pages as they are installed.
made() {
    for page in $(pages); do sh "$ROOT/man/stages.sh" fill <"$page" >"${page##*/}" || return 1; done
    sh "$ROOT/man/stages.sh" stages >chanpipe-stages.7
}

# A folder with the samples and the pipelines: where the examples are at home.
at_home() {
    cp "$SAMPLES"/* .
    ln -s "$ROOT/pipelines" pipelines
    gzip -k requests.csv
}

# The examples of a page: files 1.cmd, 1.out, 2.cmd …; lines of a literal block from `$ chanpipe` to the next one.
examples() {
    awk '/^\.Bd -literal/ { in_block = 1; next } /^\.Ed/ { in_block = at = 0; next } !in_block { next }
        { gsub(/\\&/, ""); gsub(/\\\(dq/, "\""); gsub(/\\e/, "\\"); gsub(/\\\(ga/, "`") }
        /^\$ / { at = ++n; sub(/^\$ /, ""); print >(n ".cmd"); printf "" >(n ".out"); next }
        at { print >(at ".out") }' "$1"
}

# check_examples PAGE: runs them all; at least as many as $2.
check_examples() {
    at_home
    examples "$ROOT/man/$1"
    n=0
    for cmd in [0-9]*.cmd; do
        grep -q '^chanpipe ' "$cmd" || fail "not a command of chanpipe: $(cat "$cmd")"
        [ -s "${cmd%.cmd}.out" ] || fail "no output is shown for: $(cat "$cmd")"
        bash -c "$(cat "$cmd")" </dev/null >got 2>&1 || true
        diff "${cmd%.cmd}.out" got >differences || fail "$(cat "$cmd")
$(cat differences)"
        n=$((n + 1))
    done
    [ "$n" -ge "$2" ]
}

@test "mandoc finds nothing to complain about in the pages" {
    made
    mandoc -T lint -W style ./*.[1357] >lint 2>errors || true # in one file they would stand within each other's lines
    cat lint errors |
        grep -vE 'referenced manual not found|outdated mandoc.db|longer than 80 bytes|no blank before trailing|unknown.*Os' >found || true
    [ ! -s found ] || fail "$(cat found)"
}

@test "the examples of chanpipe(1)" {
    check_examples chanpipe.1 8
}

@test "the examples of chanpipe-expr(7)" {
    check_examples chanpipe-expr.7 4
}

@test "the examples of chanpipe-pipeline(5)" {
    check_examples chanpipe-pipeline.5 7
}

@test "the files in chanpipe-pipeline(5) are accepted" {
    awk '/^\.Bd/ { n++; on = 1; next } /^\.(Ed|Sh EXAMPLES)/ { on = 0; if (/Sh/) exit; next } on { print >("page" n ".yaml") }' "$ROOT/man/chanpipe-pipeline.5"
    grep -l '^stages:' page*.yaml >files
    [ "$(wc -l <files)" -ge 3 ]
    while read -r file; do
        cp_run check "$file"
        assert_equal "$file $status $stderr" "$file 0 "
    done <files
    grep -hE '^(tee|route|merge) \{' page*.yaml >lines
    [ "$(wc -l <lines)" = 3 ]
    while read -r line; do
        cp_run check "$([ "${line%% *}" = merge ] || echo 'parse json | ')$line"
        assert_equal "$line $status $stderr" "$line 0 "
    done <lines
}

@test "chanpipe(1) lists the options of run, no more and no fewer" {
    awk '/^\.Sh OPTIONS/ { on = 1; next } /^\.Sh/ { on = 0 } on && /^\.It Fl/' "$ROOT/man/chanpipe.1" |
        grep -oE 'Fl -?[a-zA-Z-]+' | sed 's/Fl /-/' | sort -u >in_manual
    chanpipe run -h | awk '/^Options:/ { on = 1; next } on && /^  -/' | sed 's/   .*//' |
        grep -oE '(^|[ ,])--?[a-zA-Z][a-z-]*' | tr -d ' ,' | grep -vxE -- '-h|--help' | sort -u >in_program
    diff in_manual in_program
}

@test "chanpipe(1) lists the commands, no more and no fewer" {
    awk '/^\.Ss Commands/ { on = 1; next } /^\.Sh/ { on = 0 } on && /^\.It Cm/ { print $3 }' "$ROOT/man/chanpipe.1" | sort >in_manual
    chanpipe help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on && /^  [a-z]/ { print $1 }' | sort >in_program
    diff in_manual in_program
}

@test "the pages have no quote in a quote, and of a format no other meaning of its name" {
    made
    for page in chanpipe*.[157]; do
        mandoc -T ascii "$page" | col -b >text
        ! grep -nE "\`[^']*\`[^']*''" text || fail "$page"
    done
    awk '/^\.Ss json/ { on = 1; next } /^\.S/ { on = 0 } on' chanpipe-stages.7 >json
    [ "$(wc -l <json)" -gt 5 ]
    ! grep -n 'json(' json
}

@test "the account: every number is explained in chanpipe(1) and in help account, no more" {
    echo x >in
    chanpipe run --account acc 'parse json | count' in 2>err
    jq -r 'del(.stage, .kind, .edge) | keys_unsorted[]' acc | sort -u >in_account
    [ "$(wc -l <in_account)" -ge 18 ]
    awk '/^\.Sh ACCOUNT/ { on = 1; next } /^\.Sh/ { on = 0 } on && /^\.It Cm/ { print $3 }' "$ROOT/man/chanpipe.1" | sort -u >in_manual
    diff in_account in_manual
    chanpipe help account | awk '/^  [a-z]/ { print $1 }' | sort -u >in_help
    diff <(grep -vx first_error in_account) <(grep -vx values in_help)
}

@test "chanpipe-stages(7) has every stage and every format, each with its options" {
    made
    for name in $(chanpipe list stages | awk '/^  [a-z]/ { print $1 }') $(chanpipe list formats | awk 'NR > 1 { print $1 }'); do
        grep -qx "\.Ss $name" chanpipe-stages.7 || fail "$name is not in chanpipe-stages(7)"
    done
    mandoc -T ascii chanpipe-stages.7 | col -b >page
    for word in max_line max_memory header delimiter new_fields append; do grep -qw "$word" page || fail "no $word"; done
}

@test "chanpipe-expr(7) has every function and every aggregate" {
    made
    ! grep -n '@[A-Z]*@' chanpipe-expr.7
    for name in $(chanpipe list functions | sed -nE 's/^  ([~a-z0-9]+)\(.*/\1/p'); do
        grep -qE "^\.It .*$name(\\\\&)?\(" chanpipe-expr.7 || fail "$name is not in chanpipe-expr(7)"
    done
    for name in count sum avg min max first last stdev p50 pct uniq '~uniq' topk list rate; do
        awk '/^\.Ss Aggregates/ { on = 1 } on' chanpipe-expr.7 | grep -qE "^\.It .*$name" || fail "$name is not in chanpipe-expr(7)"
    done
}

@test "the drawing in README" {
    awk '/^    \$ chanpipe graph/ { on = 1; sub(/^    \$ /, ""); print >"cmd"; next } on && /^    / { print substr($0, 5); next } { on = 0 }' "$ROOT/README.md" >expected
    [ -s expected ]
    LC_ALL=C.UTF-8 bash -c "$(cat cmd)" | cmp - expected
}

@test "the pipelines in help branches are accepted" {
    chanpipe help branches | sed -n 's/^  //p' >text
    grep -E '^(tee|route|merge) \{' text >lines
    [ "$(wc -l <lines)" = 3 ]
    while read -r line; do
        cp_run check "$([ "${line%% *}" = merge ] || echo 'parse json | ')$line"
        assert_equal "$line $status $stderr" "$line 0 "
    done <lines
    { printf 'stages:\n- parse: json\n'; grep -E '^ *- ' text; } >page.yaml
    cp_run check page.yaml
    assert_equal "$status $stderr" '0 '
}

# ---- libchan ----

# The text of chan.h without comments and preprocessor lines, one declaration in a line. Blanks are only where words meet.
declarations() {
    grep -vE '^#|^extern "C"' "$ROOT/lib/chan/chan.h" | tr '\n' ' ' | sed -E 's:/\*([^*]|\*+[^*/])*\*+/::g; s/;/\n/g' | tidy
}

tidy() {
    sed -E 's/[ \t]+/ /g; s/ ?([(){},*]) ?/\1/g; s/^ //; s/ $//'
}

# The prototypes in the SYNOPSIS of a page.
synopsis() {
    awk '/^\.Sh/ { on = $2 == "SYNOPSIS"; next }
        !on { next }
        /^\.Ft / { type = substr($0, 5); next }
        /^\.Fn / && type != "" {
            n = split($0, part, "\""); split(part[1], word, " "); line = type " " word[2] "("
            if (n == 1) line = line word[3]
            for (i = 2; i <= n; i += 2) line = line (i > 2 ? "," : "") part[i]
            print line ")"; type = ""; next
        }
        /^\.Fo / { line = type " " $2 "("; sep = ""; type = ""; next }
        /^\.Fa / { split($0, part, "\""); line = line sep part[2]; sep = ","; next }
        /^\.Fc/ { print line ")" }' "$1" | tidy
}

@test "libchan: the pages have the prototypes of chan.h, each once" {
    declarations | grep -E '^[a-z].*chan_[a-z_]+\(' | grep -vE '[{}]|^typedef' | sort >in_header
    [ "$(wc -l <in_header)" -gt 50 ]
    for page in "$ROOT"/man/chan_*.3; do [ "${page##*/}" = chan_typed.3 ] || synopsis "$page"; done | sort >in_manual
    diff in_header in_manual
}

@test "libchan: the pages have the structs of chan.h" {
    for struct in chan_options chan_case; do
        tr '\n' ' ' <"$ROOT/lib/chan/chan.h" | sed -E 's:/\*([^*]|\*+[^*/])*\*+/::g' |
            grep -oE "struct $struct \{[^}]*\}" | tidy >in_header
        cat "$ROOT"/man/chan_*.3 | tr '\n' ' ' | grep -oE "struct $struct \{[^}]*\}" | tidy >in_manual
        [ -s in_header ] && diff in_header in_manual || fail "$struct"
    done
}

@test "libchan: a page is named for the functions in its SYNOPSIS" {
    for page in "$ROOT"/man/chan_*.3; do
        awk '/^\.Sh/ { on = $2 == "NAME" } on && $1 == ".Nm" { print $2 }' "$page" | sort >names
        awk '/^\.Sh/ { on = $2 == "SYNOPSIS" } on && ($1 == ".Fn" || $1 == ".Fo") { print $2 }' "$page" | sort >functions
        diff names functions || fail "${page##*/}"
    done
}

@test "libchan: every status, flag and macro of chan.h is in a page" {
    for name in $(grep -oE '\bCHAN_[A-Z_]+' "$ROOT/lib/chan/chan.h" | sort -u); do
        [ "$name" = CHAN_H ] || grep -qw -- "$name" "$ROOT"/man/chan*.[37] || fail "$name is nowhere"
    done
}

@test "libchan: every call's ownership, blocking and threads are said" {
    for page in "$ROOT"/man/chan_*.3; do
        for word in Ownership Blocking Threads; do grep -qx ".It $word" "$page" || fail "${page##*/}: no $word"; done
        for word in 'RETURN VALUES' EXAMPLES 'SEE ALSO'; do grep -qx ".Sh $word" "$page" || fail "${page##*/}: no $word"; done
    done
}

# programs PAGE: those marked as examples, 1.c, 2.c …, and what they print, 1.out, 2.out …
programs() {
    awk '/^\.\\" example/ { to = ++n ".c"; next } /^\.\\" output/ { to = n ".out"; next }
        /^\.Bd/ { on = to != ""; next } /^\.Ed/ { on = 0; to = ""; next }
        on { gsub(/\\&/, ""); gsub(/\\e/, "\\"); print >to }' "$1"
}

# check_programs PAGE: compiles and runs them.
check_programs() {
    : "${TEST_BUILD:=$ROOT/build}" "${CC:=cc}"
    programs "$ROOT/man/$1"
    sanitize=$(grep -oE -- '-fsanitize=[a-z,]+' "$TEST_BUILD/flags" | sort -u) || true
    [ -s 1.c ]
    for source in [0-9]*.c; do
        $CC -Wall -Wextra -Werror $sanitize -I"$ROOT/lib/chan" "$source" "$TEST_BUILD/libchan.a" -pthread -o program
        timeout "$LIMIT" ./program >got || fail "status $? of $source"
        diff "${source%.c}.out" got || fail "$source"
    done
}

@test "the example of chan(7)" { check_programs chan.7; }
@test "the example of chan_after(3)" { check_programs chan_after.3; }
@test "the example of chan_clone(3)" { check_programs chan_clone.3; }
@test "the example of chan_fd(3)" { check_programs chan_fd.3; }
@test "the example of chan_len(3)" { check_programs chan_len.3; }
@test "the example of chan_open(3)" { check_programs chan_open.3; }
@test "the example of chan_recv(3)" { check_programs chan_recv.3; }
@test "the example of chan_reserve(3)" { check_programs chan_reserve.3; }
@test "the example of chan_select(3)" { check_programs chan_select.3; }
@test "the example of chan_send(3)" { check_programs chan_send.3; }

@test "the example of chan_typed(3)" {
    [ -e "$ROOT/lib/chan/chan_typed.h" ] || skip "no typed channels here"
    check_programs chan_typed.3
}

@test "the commands of README work" {
    at_home
    cp access.log saved
    awk '/^```yaml/ { on = 1; next } /^```/ { on = 0 } on' "$ROOT/README.md" >errors.yaml
    journalctl() { cat auth.log; }
    export -f journalctl
    grep -hE '^    (\$ )?(chanpipe|journalctl) ' "$ROOT/README.md" | sed -E 's/^    (\$ )?//; s/ +#.*//' >commands
    [ "$(wc -l <commands)" -ge 8 ]
    while read -r command; do
        bash -c "set -o pipefail; $command" </dev/null >got 2>err || fail "$command
$(cat err)"
        [ ! -s err ] || fail "$command: $(cat err)"
        [ -s got ] || [ -s pipeline.yaml ] || fail "$command writes nothing"
    done <commands
    cmp access.log saved
}

@test "the output in README is the program's" {
    at_home
    cp_run 'parse combined | filter status >= 500 | count by path | sort -count | head 3' access.log
    shown=$(grep -A1 '^    \$ chanpipe' "$ROOT/README.md" | sed -n '2s/^ *//p')
    assert_equal "$(head -1 <<<"$output")" "$shown"
}

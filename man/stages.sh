#!/bin/sh
# stages.sh [stages|functions|aggregates]: what the manual pages say about stages, formats, functions and aggregates, in mdoc,
# from the program's own tables. `stages` (unless something else is asked for) is the whole page chanpipe-stages(7).
set -eu
: "${CHANPIPE:=build/chanpipe}"
export LC_ALL=C

# A text as it stands, for lines of text: nothing in it is mdoc.
plain='function plain(s) { gsub(/\\/, "\\e", s); gsub(/\(\)/, "\\\\\\&()", s); sub(/[ \t]+$/, "", s); sub(/^[.'"'"']/, "\\\\\\&&", s); return s }
    function text(s) {
        while (match(s, /[.] +[A-Z]/)) { print plain(substr(s, 1, RSTART)); s = substr(s, RSTART + RLENGTH - 1) }
        if (s != "") print plain(s)
    }'

# `help NAME` of a stage or format as mdoc: $1 is the name, $2 "stage" or "format".
topic() {
    "$CHANPIPE" help "$1" | awk -v name="$1" -v what="$2" "$plain"'
    function end_list() { if (in_list) print ".El"; in_list = 0 }
    function end_block() { if (in_block) print ".Ed"; in_block = 0 }
    # A word may have several meanings; each begins with its usage and a sentence that says what it is.
    { line[NR] = $0 }
    END {
        for (i = 1; i <= NR && !start; i++)
            for (j = i; j <= NR && line[j] != ""; j++)
                if (index(line[j] " " line[j + 1], "(a " what ": ") && (j == i || line[j - 1] == "" || j > 2)) { start = j; break }
        for (s = start; s > 1 && line[s - 1] != ""; s--) {}
        usage = line[1]
        for (u = s - 2; u >= 1 && line[u] != ""; u--) usage = line[u]
        print ".Ss " name
        if (usage != name) print ".Dl " plain(usage)
        if (usage != name) print ".Pp"
        for (i = s; i <= NR; i++) show(line[i])
        end_list(); end_block()
    }
    # Another meaning of the word: a function, an option, a setting.
    function is_other(l) { return index(l, name "(") == 1 || l ~ /^An? (option|setting) of / }
    function show(l) {
        if (l != "" && gap && is_other(l)) done = 1
        if (done) return
        if (l ~ /^`chanpipe help settings/) return
        if (l ~ /^Options( (of|as a) [a-z]+)?:$/) {
            end_list(); print ".Pp"; print plain(l); print ".Bl -tag -width max_memory -compact"
            in_list = 1; mode = "options"; return
        }
        if (l == "Examples:") { end_list(); mode = "examples"; return }
        if (mode == "options" && l ~ /^  [^ ]/) {
            match(l, /^  [^ ]+/); print ".It " plain(substr(l, 3, RLENGTH - 2))
            l = substr(l, RLENGTH + 1); sub(/^ +/, "", l); text(l); return
        }
        if (mode == "options" && l ~ /^   /) { sub(/^ +/, "", l); text(l); return }
        if (mode == "options" && l == "") return
        if (mode == "examples") {
            if (l == "") { end_block(); return }
            if (l ~ /^  [^ ]/ && l !~ /^  chanpipe /) { sub(/^ +/, "", l); print ".Pp"; print plain(l) (l ~ /[.:]$/ ? "" : ":"); return }
            if (l ~ /^  chanpipe /) { print ".Bd -literal -offset indent"; in_block = 1 }
            if (!in_block) { done = 1; return }
            print plain(substr(l, 3)); return
        }
        if (mode == "options" && l != "") { end_list(); mode = "" }
        if (l == "") { gap = 1; return }
        if (gap && l ~ /^[^ ]/) print ".Pp"
        gap = 0
        sub(" *[(]a " what ": [^)]*[)]", "", l)
        text(l)
    }'
}

# What a name stands for beside the stage that its help is on.
other() {
    printf '.Ss %s\n' "$1"
    "$CHANPIPE" list stages | awk -v kind="$2" -v name="$1" "$plain"'
    /^[a-z]/ { now = $1 }
    now == kind && $1 == name { sub(/^ *[^ ]+ */, ""); print plain($0) "." }'
    printf 'See\n.Sx %s .\n' "$3"
}

# The kinds and names of the stages, one pair in a line.
stages() {
    "$CHANPIPE" list stages | awk '/^[a-z]/ { kind = $1 } /^  [a-z]/ { print kind, $1 }'
}

page() {
    cat <<'END'
.\" Made by man/stages.sh from the tables of the program.
.Dd November 21, 2026
.Dt CHANPIPE-STAGES 7
.Os
.Sh NAME
.Nm chanpipe-stages
.Nd stages and formats of chanpipe
.Sh DESCRIPTION
These are the stages of pipelines by their kind, then the formats that
.Cm parse
reads and sinks write.
The settings that every stage takes are in
.Xr chanpipe-pipeline 5 ,
expressions in
.Xr chanpipe-expr 7 .
The same can be read with
.Ql chanpipe help NAME .
END
    last=
    stages | while read -r kind name; do
        if [ "$kind" != "$last" ]; then
            case $kind in
            source) echo '.Sh SOURCES' ;; parse) echo '.Sh PARSING' ;; transform) echo '.Sh TRANSFORMS' ;;
            filter) echo '.Sh FILTERING' ;; aggregate) echo '.Sh AGGREGATES' ;; flow) echo '.Sh FLOW' ;;
            sink) echo '.Sh SINKS' ;; *) echo "stages.sh: $kind has no heading" >&2; exit 1 ;;
            esac
        fi
        last=$kind
        if "$CHANPIPE" help "$name" | grep -q "(a stage: $kind[);]"; then
            topic "$name" stage
        else
            other "$name" "$kind" TRANSFORMS
        fi
    done
    echo '.Sh FORMATS'
    for name in $("$CHANPIPE" list formats | awk 'NR > 1 { print $1 }'); do
        topic "$name" format
    done
    cat <<'END'
.Sh SEE ALSO
.Xr chanpipe 1 ,
.Xr chanpipe-pipeline 5 ,
.Xr chanpipe-expr 7
END
}

# The functions by group: `  name(arguments)  text`, the text over several lines.
functions() {
    "$CHANPIPE" list functions | awk -v want="$1" "$plain"'
    /^[a-z]/ {
        group = $1
        if ((group == "aggregates") != (want == "aggregates")) next
        if (n++) { print ".El"; print ".Pp" }
        if (want != "aggregates") print "For " group ":"
        print ".Bl -tag -width Ds -compact"
        next
    }
    (group == "aggregates") != (want == "aggregates") { next }
    /^  [^ ]/ {
        match($0, /\)( +|$)/); head = substr($0, 3, RSTART - 2)
        while (match(substr($0, length(head) + 3), /^ [^ ]*\)(  |$)/)) head = head substr($0, length(head) + 3, RLENGTH)
        sub(/ +$/, "", head)
        print ".It " plain(head); rest = substr($0, length(head) + 3); sub(/^ +/, "", rest)
        text(rest)
        next
    }
    { sub(/^ +/, ""); text($0) }
    END { if (n) print ".El" }'
}

# A page with the lines @FUNCTIONS@ and @AGGREGATES@ filled in.
fill() {
    while IFS= read -r line; do
        case $line in
        @FUNCTIONS@) functions functions ;;
        @AGGREGATES@) functions aggregates ;;
        *) printf '%s\n' "$line" ;;
        esac
    done
}

case ${1:-stages} in
stages) page ;;
functions | aggregates) functions "$1" ;;
fill) fill ;;
*) echo "usage: stages.sh [stages|functions|aggregates|fill]" >&2; exit 2 ;;
esac

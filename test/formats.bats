# Formats as they are read: semantics 9-18, 20-21, 37-40, 46-48, 53-58, each with its traps.
load helper

@test "json: blanks, nesting, duplicate keys, a value that is no object" {
    gives ' {"a" : 1} \n[1,2]\n"x"\n5\nnull\n' ' {"a" : 1} \n[1,2]\n"x"\n5\nnull' 'parse json'
    gives '[1,2]\n"x"\n{"value":3}\n' '{"v":[1,2]}\n{"v":"x"}\n{"v":3}' 'parse json | keep value as v'
    gives '{"a":1,"a":2}\n' '{"a":2}' 'parse json | keep a'
    gives '{"a":1,"b":0,"a":2}\n' '{"b":0,"a":3}' 'parse json | set a = 3'
    gives '{"a":1,"b":0,"a":2}\n' '{"b":0}' 'parse json | unset a'
    gives '{"a":1,"b":0,"a":2}\n' '{"a":1,"b":1,"a":2}' 'parse json | set b = 1'
}

@test "json: an edited record keeps every other byte" {
    gives '{ "a" : 1 , "b" : [ 1 ] }\n' '{ "a" : 2 , "b" : [ 1 ] }' 'parse json | set a = 2'
    gives '{ "a" : 1 }\n' '{ "a" : 1,"b":2 }' 'parse json | set b = 2'
    gives '{}\n' '{"b":2}' 'parse json | set b = 2'
    gives '{"a":1, "b":2, "c":3}\n' '{"a":1, "c":3}' 'parse json | unset b'
    gives '{"a":1, "b":2, "c":3}\n' '{"b":2, "c":3}' 'parse json | unset a'
    gives '{"a":1, "b":2}\n' '{"a":1}' 'parse json | unset b'
    gives '{"a":1.0,"b":1e5,"c":12345678901234567890123}\n' '{"a":1.0,"b":1e5,"c":12345678901234567890123,"d":1}' 'parse json | set d = 1'
}

@test "json: what RFC 8259 does not allow is refused" {
    for bad in '{a:1}' "{'a':1}" '{"a":01}' '{"a":1,}' '[1,]' '{"a":+1}' '{"a":.5}' '{"a":NaN}' '{"a":"\\x"}' '"\t"' '{"a":1}x' '' '{"a"}' '{"a":tru}' ' '; do
        printf '%b\n{"ok":1}\n' "$bad" >in
        cp_run 'parse json' in
        [ "$output" = '{"ok":1}' ] || fail "$bad gives $output"
        [ "$bad" = '' ] && refute_stderr || assert_stderr '^chanpipe: parse: 1 of 2 records skipped \(first: in:1: '
    done
}

@test "json: 1,024 levels, not one more" {
    printf '[%.0s' $(seq 1024) >in; printf ']%.0s' $(seq 1024) >>in; echo >>in
    cp_run 'parse json' in
    [ "$output" = "$(cat in)" ]
    printf '[%.0s' $(seq 1025) >in; printf ']%.0s' $(seq 1025) >>in; echo >>in
    skips '' '' 'parse: 1 of 1 record' 'parse json' in
}

@test "json: lone surrogates, bad UTF-8" {
    gives '{"a":"\\ud800x"}\n' '{"a":"\\ud800x","n":2}' 'parse json | set n = len(a)'
    gives '{"a":"\\ud800x"}\n' '{"b":"\xef\xbf\xbdx"}' 'parse json | set b = a .. "" | keep b'
    gives '{"a":"\xffx"}\n' '{"a":"\xffx"}' 'parse json'
    gives '{"a":"\xffx"}\n' '{"b":"\xef\xbf\xbdx"}' 'parse json | set b = a .. "" | keep b'
    gives 'a=\xff\xfe\n' '{"a":"\xef\xbf\xbd\xef\xbf\xbd"}' -o json 'parse logfmt'
}

@test "json: frame=document reads values over several lines" {
    printf '{\n "a": 1\n}\n{"a":2} {"a":3}\n[4,\n5]' >in
    cp_run 'files in frame=document | parse json | set n = _line' 
    [ "$(jq -c '[.a?, .n?]' <<<"$output" 2>/dev/null | head -1)" = '[1,1]' ] || fail "$output"
    cp_run 'files in frame=document | parse json | filter a > 0 | keep a'
    assert_equal "$output" "$(printf '{"a":1}\n{"a":2}\n{"a":3}')"
}

@test "a byte order mark is dropped, except by line" {
    gives '\xef\xbb\xbf{"a":1}\n' '{"a":1}' 'parse json'
    gives '\xef\xbb\xbfa=1\n' '{"a":1}' -o json 'parse logfmt'
    gives '\xef\xbb\xbfa,b\n1,2\n' '{"a":1,"b":2}' -o json 'parse csv'
    gives '\xef\xbb\xbfx\n' '{"line":"\xef\xbb\xbfx"}' -o json 'parse line'
}

@test "line ends: CRLF, none at the end, empty lines" {
    gives 'a=1\r\n\r\nb=2' '{"a":1}\n{"b":2}' -o json 'parse logfmt'
    gives 'a\r\nb' '{"line":"a"}\n{"line":"b"}' -o json 'parse line'
    gives 'a\r\n\nb' 'a\r\n\nb' 'head 9'
    gives 'a\n\n' '{"line":"a"}\n{"line":""}' -o json 'parse line'
    gives '{"a":1}\r\n' '{"a":1}\r' 'parse json'
    gives '{"a":1}\r\n' '{"a":1}' 'parse json | keep a'
    printf '\n\n{"a":1}\n\n' >in
    cp_run --account account 'parse json' in
    assert_equal "$(jq -r 'select(.stage == "parse") | "\(.in) \(.out) \(.filtered) \(.errored)"' account)" '4 1 3 0'
}

@test "frames: nul, blank, whole" {
    gives 'a\nb\0c\0' '{"line":"a\\nb"}\n{"line":"c"}' -o json 'stdin frame=nul'
    gives 'a\nb\n\n\nc\n' '{"line":"a\\nb"}\n{"line":"c"}' -o json 'stdin frame=blank'
    gives 'a\nb\n' '{"line":"a\\nb"}' -o json 'stdin frame=whole'
    gives '' '' -o json 'stdin frame=whole'
    gives 'a\r\0b' '{"line":"a\\r"}\n{"line":"b"}' -o json 'stdin frame=nul'
}

@test "logfmt: bare keys, quotes, escapes, equal signs" {
    gives 'a b= c="" d="x y" e=f=g h="\\"q\\"" i=a"b\n' '{"a":true,"b":"","c":"","d":"x y","e":"f=g","h":"\\"q\\"","i":"a\\"b"}' -o json 'parse logfmt'
    gives 'a="\\n\\t\\u0041\\q"\n' '{"a":"\\n\\tA\\\\q"}' -o json 'parse logfmt'
    gives 'a=1 b=2 a=3\n' '{"a":3,"b":2}' -o json 'parse logfmt'
    for bad in 'a="open' 'a="x"y' '=1'; do
        skips "$bad\nok=1\n" '{"ok":1}' 'parse: 1 of 2 records skipped \(first: -:1: ' -o json 'parse logfmt'
    done
}

@test "untyped values in JSON: plain decimals are numbers with their bytes" {
    gives 'a=1 b=1.50 c=007 d=+5 e=.5 f=1e5 g=true h=-0.0 i=123456789012345678 j=1234567890123456789 k="5" l=5. m=-3\n' \
        '{"a":1,"b":1.50,"c":"007","d":"+5","e":".5","f":"1e5","g":"true","h":-0.0,"i":123456789012345678,"j":"1234567890123456789","k":"5","l":"5.","m":-3}' \
        -o json 'parse logfmt'
    gives 'a=1 b=x\n' '{"a":"1","b":"x"}' -o json 'parse logfmt types=text'
    gives 'a,b\n1,"1"\n' '{"a":1,"b":"1"}' -o json 'parse csv'
    gives 'a\t\n1\t\n' '{"a":1,"2":null}' -o json 'parse tsv'
}

@test "csv: quotes, empty cells, header names" {
    gives 'a,b,c\n1,"x,y","q""r"\n,"",z"z\n' '{"a":1,"b":"x,y","c":"q\\"r"}\n{"a":null,"b":"","c":"z\\"z"}' -o json 'parse csv'
    gives 'a,a,,a\n1,2,3,4\n' '{"a":1,"a_2":2,"3":3,"a_3":4}' -o json 'parse csv'
    gives 'a\n"x\ny"\nz\n' '{"a":"x\\ny","n":2}\n{"a":"z","n":4}' -o json 'parse csv | set n = _line'
    gives '1;x\n' '{"a":1,"b":"x"}' -o json 'parse csv header=a,b delimiter=";"'
    for bad in '1' '1,2,3' '"x"y,2'; do
        skips "a,b\n$bad\n3,4\n" '{"a":3,"b":4}' 'parse: 1 of 2 records skipped \(first: -:2: ' -o json 'parse csv'
    done
    skips 'a,b\n3,4\n1,"open\n5,6\n' '{"a":3,"b":4}' 'parse: 1 of [23] records skipped \(first: -:3: ' -o json 'parse csv'
    gives 'a,b\n' '' -o json 'parse csv'
}

@test "csv: every file has its header" {
    printf 'a,b\n1,2\n' >1.csv
    printf 'b,a\n3,4\n' >2.csv
    gives '' '{"a":1,"b":2}\n{"b":3,"a":4}' -o json 'parse csv' 1.csv 2.csv
    gives '' 'a,b\n1,2\n4,3' -o csv 'parse csv | keep a, b' 1.csv 2.csv
}

@test "tsv: escapes, quotes mean nothing" {
    gives 'a\tb\n"x\ty\\tz\\n\\\\\n' '{"a":"\\"x","b":"y\\tz\\n\\\\"}' -o json 'parse tsv'
    gives 'a\tb\n\t1\n' '{"a":null,"b":1}' -o json 'parse tsv'
}

@test "ltsv" {
    gives 'a:1\tb:x:y\tc:\n' '{"a":1,"b":"x:y","c":""}' -o json 'parse ltsv'
}

@test "combined: dashes, escaped quotes, odd requests" {
    gives '1.2.3.4 - bob [20/Nov/2026:18:00:00 +0100] "GET /a?b HTTP/1.1" 500 12 "-" "a \\"b\\" c"\n' \
        '{"host":"1.2.3.4","ident":null,"user":"bob","time":"20/Nov/2026:18:00:00 +0100","method":"GET","path":"/a?b","protocol":"HTTP/1.1","status":500,"bytes":12,"referer":null,"agent":"a \\\\\\"b\\\\\\" c"}' \
        -o json 'parse combined'
    gives 'h - - [20/Nov/2026:18:00:00 +0000] "\\x16\\x03" 400 - "-" "-"\n' '{"method":null,"path":"\\\\x16\\\\x03","protocol":null,"bytes":null,"agent":null}' \
        'parse combined | keep method, path, protocol, bytes, agent'
    gives 'h - - [20/Nov/2026:18:00:00 +0100] "GET / HTTP/1.1" 200 1 "-" "-"\n' '{"u":"2026-11-20T17:00:00Z"}' 'parse combined | set u = time + 0s | keep u'
    for bad in 'h - - [20/Nov/2026:18:00:00 +0000] "GET / HTTP/1.1" 2x0 1 "-" "-"' 'h - - [99/Nov/2026:18:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"' \
        'h - - [20/Nov/2026:18:00:00 +0000] "GET / HTTP/1.1" 200 1' 'h' 'h - - [20/Nov/2026:18:00:00 +0000] "GET / HTTP/1.1" 200 1x "-" "-"'; do
        skips "$bad\n" '' 'parse: 1 of 1 record skipped \(first: -:1: ' 'parse combined'
    done
}

@test "common: the same without referer and agent" {
    gives 'h - - [20/Nov/2026:18:00:00 +0000] "GET / HTTP/1.1" 200 1\n' '{"host":"h","status":200,"bytes":1}' 'parse common | keep host, status, bytes'
}

@test "syslog: RFC 3164 with and without priority, tag, pid" {
    gives '<34>Oct 11 22:14:15 mymachine su[12]: fail\n' \
        '{"priority":34,"facility":"auth","severity":"crit","hostname":"mymachine","app":"su","pid":12,"msg":"fail"}' \
        'parse syslog | keep priority, facility, severity, hostname, app, pid, msg'
    gives 'Oct  1 02:14:15 h app: m\n' '{"priority":null,"facility":null,"severity":null,"app":"app","pid":null,"msg":"m"}' \
        'parse syslog | keep priority, facility, severity, app, pid, msg'
    gives 'Oct  1 02:14:15 h no tag here\n' '{"app":null,"msg":"no tag here"}' 'parse syslog | keep app, msg'
    gives '<13>2026-11-20T10:00:00Z h a[x1]: m\n' '{"pid":"x1","msg":"m"}' 'parse syslog | keep pid, msg'
    gives '<78>Oct 11 22:14:15 h a: m\n<86>Oct 11 22:14:15 h a: m\n<190>Oct 11 22:14:15 h a: m\n' \
        '{"facility":"cron","severity":"info"}\n{"facility":"authpriv","severity":"info"}\n{"facility":"local7","severity":"info"}' \
        'parse syslog | keep facility, severity'
    skips '<192>Oct 11 22:14:15 h a: m\n' '' 'parse: 1 of 1 record' 'parse syslog'
}

@test "syslog: RFC 5424" {
    gives "<165>1 2026-10-11T22:14:15.003Z host app 111 ID47 [ex@1 k=\"v\"] hello\n" \
        '{"priority":165,"facility":"local4","severity":"notice","time":"2026-10-11T22:14:15.003Z","hostname":"host","app":"app","pid":111,"msgid":"ID47","sd":"[ex@1 k=\\"v\\"]","msg":"hello"}' -o json 'parse syslog'
    gives '<14>1 - - - - - -\n' '{"time":null,"hostname":null,"app":null,"pid":null,"msgid":null,"sd":null,"msg":null}' \
        'parse syslog | keep time, hostname, app, pid, msgid, sd, msg'
}

@test "times without a year are the latest that is not a day ahead of the file" {
    printf 'Dec 31 23:00:00 h a: m\nJan  1 00:00:00 h a: m\n' >in
    touch -d 2026-01-01T12:00:00Z in
    gives '' '{"t":"2025-12-31T23:00:00Z"}\n{"t":"2026-01-01T00:00:00Z"}' 'parse syslog | set t = time + 0s | keep t' in
    gives '' '{"t":"2025-12-31T21:00:00Z"}\n{"t":"2025-12-31T22:00:00Z"}' 'parse syslog tz=+02:00 | set t = time + 0s | keep t' in
}

@test "regex and pattern" {
    gives 'GET /a 5\n' '{"m":"GET","p":"/a","n":5}' -o json 'parse regex "(?<m>[A-Z]+) (?<p>\S+) (?<n>\d+)"'
    gives 'GET /a 5\n' '{"m":"GET","p":"/a","n":5}' -o json 'parse regex /(?<m>[A-Z]+) (?<p>\S+) (?<n>\d+)/'
    gives 'GET /a 5\n' '{"m":"GET","p":"/a","n":5}' -o json 'parse pattern "<m> <p> <n>"'
    gives '1.2.3.4 - [t] "x y" 7\n' '{"ip":"1.2.3.4","ts":"t","n":7}' -o json 'parse pattern "<ip> - [<ts>] \"<_>\" <n>"'
    skips 'nothing\n' '' 'parse: 1 of 1 record' -o json 'parse pattern "<a>=<b>"'
    skips 'nothing\n' '' 'parse: 1 of 1 record' -o json 'parse regex /(?<a>\d+)/'
    refuses 'error' 'parse regex "("'
    refuses 'error' 'parse regex "no groups"'
}

@test "auto tells json, logfmt, combined, csv, syslog and lines apart, and says so with -v" {
    for pair in app.jsonl:json app.logfmt:logfmt access.log:combined requests.csv:csv auth.log:syslog syslog.log:syslog; do
        file=$SAMPLES/${pair%:*} format=${pair#*:}
        chanpipe -o json "parse $format" "$file" >expected
        chanpipe -v -o json 'parse auto' "$file" 2>err | cmp - expected || fail "$file"
        grep -qw "$format" err || fail "-v says $(cat err)"
    done
    gives 'just some words\nand more\n' '{"line":"just some words"}\n{"line":"and more"}' -o json 'parse auto'
}

@test "parse from: adds fields, null and empty add nothing, as puts a prefix" {
    gives '{"id":1,"m":"a=1 b=x"}\n{"id":2}\n{"id":3,"m":null}\n{"id":4,"m":""}\n' \
        '{"id":1,"m":"a=1 b=x","a":1,"b":"x"}\n{"id":2}\n{"id":3,"m":null}\n{"id":4,"m":""}' 'parse json | parse logfmt from m'
    gives '{"m":"a=1"}\n' '{"m":"a=1","p_a":1}' 'parse json | parse logfmt from m as p_'
    gives '{"m":"{\\"a\\":{\\"b\\":5}}"}\n' '{"x":5}' 'parse json | parse json from m | keep a.b as x'
    gives '{"m":"1,x"}\n' '{"m":"1,x","a":1,"b":"x"}' 'parse json | parse csv header=a,b from m'
    refuses 'header' 'parse json | parse csv from m'
    skips '{"m":"a=\\"open"}\n{"m":"a=1"}\n' '{"m":"a=1","a":1}' 'parse2: 1 of 2 records skipped' 'parse json | parse logfmt from m'
}

@test "on_error=keep gives line and _error" {
    cp_run 'parse json with on_error=keep' < <(printf '{bad\n{"a":1}\n')
    assert_equal "$(jq -r .line <<<"$output")" $'{bad\nnull'
    [ -n "$(jq -r 'select(.line)._error' <<<"$output")" ]
}

@test "_time: the format's field, time, ts, timestamp, or the option" {
    gives '{"ts":"2026-11-20T10:00:00Z"}\n{"timestamp":1763634645}\n{"time":"2026-11-20T10:00:00Z","ts":1}\n' '{"h":10}\n{"h":10}\n{"h":10}' \
        'parse json | set h = hour(_time) | keep h'
    gives '{"when":"2026-11-20T11:00:00Z","ts":5}\n' '{"h":11}' 'parse json time=when | set h = hour(_time) | keep h'
}

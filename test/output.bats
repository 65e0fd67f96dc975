# Formats as they are written: csv, tsv, table, logfmt, raw, json (semantics 37-39, 41, 47, 48, 54, 58).
load helper

@test "csv: quotes only where needed, empty for missing, null and empty text apart" {
    gives '{"a":1,"b":"x,y","c":"q\\"r"}\n{"a":null,"b":"","c":" s "}\n{"c":"l\\nm"}\n' 'a,b,c\n1,"x,y","q""r"\n,"", s \n,,"l\nm"' -o csv 'parse json'
    gives 'a,b\n"x",1\n' 'a,b\n"x",1' -o csv 'parse csv | set c = 1 | unset c'
    gives 'a,b\n"x",1\n' 'b,a\n1,"x"' -o csv 'parse csv | keep b, a'
    gives '{"a,b":1}\n' '"a,b"\n1' -o csv 'parse json'
    gives '{"a":{"b":[1,"x"]}}\n' 'a\n"{""b"":[1,""x""]}"' -o csv 'parse json'
}

@test "csv: a later key has no column; it is counted and named once" {

    cp_run -o csv 'parse json' < <(printf '{"a":1}\n{"a":2,"b":3}\n')
    assert_equal "$output" $'a\n1\n2'
    assert_stderr '^chanpipe: stdout: .*\bb\b'
    gives '{"a":1}\n{"a":2,"b":3}\n' 'a\n1\n2' 'parse json | stdout format=csv new_fields=ignore'
    cp_run --strict 'parse json | stdout format=csv new_fields=error' < <(printf '{"a":1}\n{"a":2,"b":3}\n{"a":4}\n')
    assert_equal "$status $output" $'3 a\n1\n4'
    gives '{"a":1}\n{"b":2}\n' 'b,a\n,1\n2,' -o csv 'parse json | keep b, a'
    gives '' '' -o csv 'parse json | keep b, a'
}

@test "tsv: escapes, empty for null" {
    gives '{"a":"t\\tn\\n\\\\","b":null,"c":"\\""}\n' 'a\tb\tc\nt\\tn\\n\\\\\t\t"' -o tsv 'parse json'
}

@test "logfmt: quotes, null left out, true alone, odd keys" {
    gives '{"a":1,"b":"x y","c":null,"d":true,"e":false,"f":"","g":"a=b","h":"q\\"","i":"t\\tn","j":[1]}\n' \
        'a=1 b="x y" d e=false f="" g="a=b" h="q\\"" i="t\\tn" j=[1]' -o logfmt 'parse json'
    gives '{"a b":1,"c=d":2,"e\\"":3}\n' 'a_b=1 c_d=2 e_=3' -o logfmt 'parse json'
    gives 'a=1  b="x"   c\n' 'a=1  b="x"   c' -o logfmt 'parse logfmt'
    gives 'a=1 b=2\n' 'a=5 b=2' -o logfmt 'parse logfmt | set a = 5'
}

@test "table: numbers right, text left, null as -, control bytes escaped" {
    gives '{"name":"x","n":5}\n{"name":"long one","n":1234}\n{"name":null}\n' 'name         n\nx            5\nlong one  1234\n-            -' -o table 'parse json'
    cp_run -o table 'parse json' < <(printf '{"a":"x\\u001b[31my"}\n')
    ! grep -q $'\e' <<<"$output"
}

@test "raw: unchanged records are their lines, changed ones their values by tabs" {
    gives 'a=1   b=2\n' 'a=1   b=2' -o raw 'parse logfmt | filter a == 1'
    gives 'a=1   b=2\n' '2\t1' -o raw 'parse logfmt | keep b, a'
    gives '{"a": 1}\n' '{"a": 1}' -o raw 'parse json'
    gives '{"a": 1}\n' '{"a": 2}' -o raw 'parse json | set a = 2'
    gives 'x\r\ny' 'x\r\ny' 'head 5'
    gives 'x\ny\n' '2' -o raw -e count
}

@test "json: control bytes, spellings that JSON does not know, -0" {
    gives 'a="\\n\\t\\r\\b\\f"\n' '{"a":"\\n\\t\\r\\b\\f"}' -o json 'parse logfmt'
    gives 'a=\x01\x7f\n' '{"a":"\\u0001\x7f"}' -o json 'parse logfmt'
    gives '{}\n' '{"a":0,"b":1e+21,"c":1e-7,"d":5}' 'parse json | set a = -0.0 * 1, b = 1e21 + 0, c = 1e-7 + 0, d = 5. + 0' ||
        gives '{}\n' '{"a":0,"b":1e+21,"c":1e-7}' 'parse json | set a = -0.0 * 1, b = 1e21 + 0, c = 1e-7 + 0'
}

@test "without parse the lines, with parse JSON, -o and the sink's format go before" {
    gives 'a b\n' 'a b' 'head 1'
    gives 'a=1\n' '{"a":1}' 'parse logfmt'
    gives 'a=1\n' 'a\n1' -o csv 'parse logfmt'
    gives 'a=1\n' 'a\n1' -o json 'parse logfmt | stdout format=csv'
}

@test "output always ends in a newline" {
    printf 'x' | chanpipe 'head 1' | cmp - <(echo x)
    printf '{"a":1}' | chanpipe 'parse json' | cmp - <(echo '{"a":1}')
    printf 'a=1' | chanpipe -o logfmt 'parse logfmt' | cmp - <(echo a=1)
    printf 'a\n1' | chanpipe -o csv 'parse csv' | cmp - <(printf 'a\n1\n')
}

@test "the summary: one line per stage, silenced by -q, the status unchanged" {
    printf '{x\n{"a":1}\n{"a":0}\n{y\n' >in
    cp_run 'parse json | set b = 1 / a' in
    assert_equal "$(wc -l <<<"$stderr")" 2
    assert_stderr '^chanpipe: parse: 2 of 4 records skipped \(first: in:1: .+\)$'
    assert_stderr '^chanpipe: set: 1 of 2 records .*\(first: in:3: .+\)$'
    cp_run -q --strict 'parse json | set b = 1 / a' in
    assert_equal "$status $stderr" '3 '
}

@test "decode and encode agree: json to each format and back" {
    printf '%s\n' '{"a":"x","b":"two words","c":"q\"q"}' '{"a":"é","b":"a=b","c":"t\tt"}' >in
    for f in csv tsv logfmt ltsv; do
        chanpipe -o "$f" 'parse json' in >mid 2>/dev/null || continue
        chanpipe -o json "parse $f" mid | cmp - in || fail "$f"
    done
}

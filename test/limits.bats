# What is too long, too many, too odd, or not there.
load helper

@test "the limits in chanpipe(1) are those of the program" {
    local stages nested
    mandoc -T ascii "$ROOT/man/chanpipe.1" | col -b >page
    for limit in '254 stages' '20 branches of tee or merge' '15 of route' '512 threads'; do
        tr -s ' \n\t' ' ' <page | grep -qF "$limit" || fail "no $limit"
    done
    stages=$(printf 'head | %.0s' {1..253})
    cp_run check "${stages}head"
    assert_equal "$status" 0
    refuses 'at most 254 stages' check "${stages}head | head"
    for nest in 'tee { 20' 'route { true => 15'; do
        n=${nest##* }
        nested=$(for i in $(seq "$n"); do printf '%s' "${nest% *} "; done)head$(for i in $(seq "$n"); do printf ' }'; done)
        cp_run check "$nested"
        refute_output_of 'too many levels'
        refuses 'too many levels deep' check "${nest% *} $nested }"
    done
    refuses 'threads, more than 512' explain -w 64 "$(printf 'set a = 1 with capacity=1 | %.0s' {1..10})head"
}

refute_output_of() {
    ! grep -q "$1" <<<"$stderr" || fail "$stderr"
}

@test "a line longer than max_line is counted; the next one flows" {
    { head -c 200000 /dev/zero | tr '\0' x; echo; echo ok; } >long
    skips '' 'ok' '^chanpipe: files: 1 of 2 records skipped \(first: long:1: .*max_line' 'files long max_line=64KiB | head 5'
    { echo first; head -c 200000 /dev/zero | tr '\0' x; } >long
    skips '' 'first' '^chanpipe: files: 1 of 2 records skipped \(first: long:2: .*max_line' 'files long max_line=64KiB | head 5'
    cp_run --strict 'files long max_line=64KiB | head 5'
    assert_equal "$status" 3
}

@test "a line of 1 GB" {
    [ -n "${CHANPIPE_SLOW:-}" ] || skip 'CHANPIPE_SLOW is not set'
    export LIMIT=200
    skips '' 'ok' '^chanpipe: stdin: 1 of 2 records skipped' 'head 5' < <(head -c 1000000000 /dev/zero | tr '\0' x; echo; echo ok)
}

@test "a million empty lines" {
    yes '' | head -1000000 >in
    LIMIT=60 gives '' '{"count":1000000}' -e count in
    LIMIT=60 cp_run --account acc 'parse json | count' in
    assert_equal "$output $stderr" '{"count":0} '
    assert_equal "$(jq 'select(.stage == "parse").filtered' acc)" 1000000
}

@test "a text that doubles 30 times is an error, not a gigabyte" {
    is_sanitized && skip 'not with sanitizers'
    q='parse json'
    for _ in $(seq 30); do q+=' | set x = x .. x'; done
    (
        ulimit -v 2000000
        cp_run "$q" < <(echo '{"x":"abcdefgh"}')
        assert_equal "$status" 0
        assert_stderr '^chanpipe: set[0-9]*: 1 of 1 record'
    )
}

@test "binary garbage through every format" {
    head -c 300000 <(openssl enc -aes-128-ctr -K 0 -iv 0 -nosalt </dev/zero 2>/dev/null || yes $'\x80\xff\0\x01') >in
    for f in json logfmt combined common csv tsv ltsv syslog line auto; do
        cp_run -q -o json "parse $f | count" in
        [ "$status" = 0 ] || fail "$f: $status $stderr"
        CHANPIPE_TEST_BLOCK=61 CHANPIPE_TEST_BATCH=3 chanpipe -q -o json "parse $f | count" in >tiny
        assert_equal "$f $(cat tiny)" "$f $output"
    done
}

@test "a folder, a missing file, an unreadable one" {
    mkdir folder
    cp_run 'head 1' folder
    assert_equal "$status" 4
    assert_stderr 'folder is a directory'
    cp_run 'head 1' missing.log
    assert_equal "$status" 4
    assert_stderr 'missing.log: No such file'
    cp_run 'files nothing-*.log | head'
    [ "$status" != 0 ]
    assert_stderr 'nothing-'
}

@test "an unreadable file is status 4" {
    [ "$(id -u)" != 0 ] || skip 'root reads everything'
    touch secret
    chmod 000 secret
    cp_run 'head 1' secret
    assert_equal "$status" 4
    assert_stderr 'secret: Permission denied'
}

@test "count by with little memory: other, counted and said" {
    seq 100000 | sed 's/.*/{"k":"a key that is long enough to count &"}/' >in
    cp_run 'parse json | count by k with max_memory=256KiB' in
    assert_equal "$status" 0
    assert_stderr '^chanpipe: count: '
    assert_equal "$(jq -s 'map(.count) | add' <<<"$output")" 100000
    grep -q '"k":"other"' <<<"$output"
}

@test "sort with little memory spills, gives the same bytes, and leaves no file" {
    mkdir spill
    seq 60000 | shuf --random-source=<(yes) | sed 's/.*/{"k":&,"text":"xxxxxxxxxxxxxxxxxxxxxxxx"}/' >in
    chanpipe 'parse json | sort k' in >expected
    [ "$(wc -l <expected)" = 60000 ]
    TMPDIR=$PWD/spill chanpipe 'files in max_line=64KiB | parse json | sort k with max_memory=512KiB' | cmp - expected
    [ -z "$(ls spill)" ]
    TMPDIR=$PWD/nowhere cp_run 'files in max_line=64KiB | parse json | sort k with max_memory=512KiB'
    assert_equal "$status" 4
    assert_stderr 'nowhere'
}

@test "dedupe with little memory gives up the oldest and counts it" {
    seq 100000 >in
    cp_run 'dedupe with max_memory=256KiB' in
    assert_equal "$status" 0
    assert_equal "$(wc -l <<<"$output")" 100000
    assert_stderr '^chanpipe: dedupe: '
}

@test "many columns, many stages, many files" {
    for i in $(seq 300); do printf '"k%d":%d,' "$i" "$i"; done | sed 's/^/{/; s/,$/}\n/' >in
    gives '' '{"k300":300}' 'parse json | keep k300' in
    q='head 9'
    for _ in $(seq 60); do q+=' | head 9'; done
    gives 'a\n' 'a' "$q"
    for i in $(seq 500); do echo "$i" >"f$i"; done
    gives '' '{"count":500}' 'files f* | count'
}

@test "a regex that would take for ever is a record error, and the next line flows" {
    { printf 'a%.0s' $(seq 60); echo '!'; echo aaa; } >in
    cp_run 'filter line =~ /^(a+)+$/' in
    assert_equal "$output" aaa
    cp_run 'parse regex /^(?<x>(a+)+)$/ | keep x' in
    assert_equal "$output" '{"x":"aaa"}'
}

@test "no more descriptors, no more memory: refused with one line" {
    is_sanitized && skip 'not with sanitizers'
    needs prlimit
    echo x >in
    status=0
    timeout 10 prlimit --nofile=7 "$CHANPIPE" "head 1 | head 1" in >out 2>err 3>&- 4>&- 5>&- || status=$?
    [ $status = 0 ] || { [ $status = 4 ] && [ "$(wc -l <err)" = 1 ]; } || fail "$status $(cat err)"
    status=0
    timeout 10 prlimit --as=30000000 "$CHANPIPE" 'head 1 | head 1' in >out 2>err || status=$?
    [ $status = 0 ] || { [ $status -lt 128 ] && [ -s err ]; } || fail "$status $(cat err)"
}

@test "a key that is too long to be kept does not make the others forgotten" {
    { seq 5; head -c 900000 /dev/zero | tr '\0' x; echo; seq 5; } >in
    for p in 'dedupe line' 'uniq line' 'throttle 1 per 1h by line on=arrival'; do
        gives '' '{"count":6}' -o json "files in | $p with max_memory=1MiB | count"
    done
}

@test "a thread that cannot be started: one message, status 4, and nobody waits for input" {
    is_sanitized && skip "the program cannot be run with a library put before it"
    cat >short.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg)
{
    static int n;
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
        (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(RTLD_NEXT, "pthread_create");

    return ++n == atoi(getenv("FAIL_AT")) ? EAGAIN : real(t, a, fn, arg);
}
C
    cc -shared -fPIC -o short.so short.c -ldl
    mkfifo in
    exec 7<>in
    echo a >in
    fails() { # AT WORKERS STAGES
        status=0
        FAIL_AT=$1 LD_PRELOAD=$PWD/short.so timeout 20 "$CHANPIPE" -w "$2" "$3" in >out 2>err || status=$?
        assert_equal "$status" 4
        assert_equal "$(cat err)" 'chanpipe: cannot start a thread: Resource temporarily unavailable'
    }
    for n in 1 2 3; do
        fails $n 1 'grep /./ | stdout'
        fails $n 3 'grep /./ | stdout'
    done
    for n in 1 2 3 4 5 6; do
        fails $n 3 'grep /./ | stdout with capacity=2'
    done
    exec 7>&-
}

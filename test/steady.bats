# Steady state: memory and the number of allocations do not grow with the input; few system calls.
load helper

# The tasks T3, T4 and T5 of the benchmark: a filter with fields, a change of format, a filter of JSON; then a group, without
# a bound of 16 MiB.
pipelines=('parse combined | filter status >= 500 | keep host, path, status'
    'parse combined'
    'parse json | filter status >= 500 | keep ts, service, status, req.path as path'
    'parse combined | filter status >= 500 | count by path | sort -count | head 10')
samples=(access.log access.log app.jsonl access.log)

# grown FILE MB: the sample, repeated to so many megabytes.
grown() {
    local size
    size=$(stat -c %s "$SAMPLES/$1")
    yes "$SAMPLES/$1" | head -$(($2 * 1000000 / size)) | xargs cat
}

# A library that counts calls of malloc, calloc and realloc, and writes their number at the end to $COUNTS.
counter() {
    cat >count.c <<'END'
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
static atomic_long calls;

void *malloc(size_t n)
{
    atomic_fetch_add(&calls, 1);
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    atomic_fetch_add(&calls, 1);
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    atomic_fetch_add(&calls, 1);
    return __libc_realloc(p, n);
}

__attribute__((destructor)) static void report(void)
{
    long n = atomic_load(&calls);
    FILE *f = getenv("COUNTS") ? fopen(getenv("COUNTS"), "w") : NULL;
    if (f) {
        fprintf(f, "%ld\n", n);
        fclose(f);
    }
}
END
    "${CC:-cc}" -O1 -shared -fPIC -o count.so count.c
}

@test "10 MB and 40 MB take the same number of allocations" {
    needs_usual_blocks
    is_sanitized && skip 'not with sanitizers'
    counter
    for i in 0 1 2 3; do
        for mb in 10 40; do
            grown "${samples[i]}" $mb >in
            timeout 60 env COUNTS="$PWD/n$mb" LD_PRELOAD="$PWD/count.so" "$CHANPIPE" -o json "${pipelines[i]}" in >/dev/null
        done
        [ "$(cat n10)" -gt 10 ]
        assert_equal "${pipelines[i]}: $(cat n40)" "${pipelines[i]}: $(cat n10)"
    done
}

@test "memory stays under what explain prints, and under 16 MiB" {
    needs_usual_blocks
    is_sanitized && skip 'not with sanitizers'
    [ -x /usr/bin/time ] || skip 'no time here'
    for i in 0 1 2 3; do
        grown "${samples[i]}" 40 >in
        bound=$(chanpipe explain -o json "${pipelines[i]}" in | sed -nE 's/^ *together +([0-9.]+) MiB.*/\1/p')
        /usr/bin/time -f %M -o peak "$CHANPIPE" -o json "${pipelines[i]}" in >/dev/null
        awk -v peak="$(cat peak)" -v bound="$bound" 'BEGIN { exit !(peak / 1024 <= bound) }' ||
            fail "${pipelines[i]}: $(cat peak) KiB, explain says $bound MiB"
        [ "$i" = 3 ] || [ "$(cat peak)" -le 16384 ] || fail "${pipelines[i]}: $(cat peak) KiB"
    done
}

@test "a few system calls for each block" {
    needs_usual_blocks
    needs strace
    is_sanitized && skip 'not with sanitizers'
    strace -o /dev/null true 2>/dev/null || skip 'strace may not trace here'
    for i in 0 1 2 3; do
        grown "${samples[i]}" 20 >in
        strace -f -c -U calls,name -o calls timeout 60 "$CHANPIPE" -o json "${pipelines[i]}" in >/dev/null
        blocks=$(($(stat -c %s in) / 131072))
        reads=$(awk '$2 ~ /^(read|pread64)$/ { n += $1 } END { print n }' calls)
        all=$(awk '$1 ~ /^[0-9]+$/ && $2 != "total" { n += $1 } END { print n }' calls)
        [ "$reads" -le $((blocks * 2 + 50)) ] || fail "${pipelines[i]}: $reads reads of $blocks blocks"
        [ "$all" -le $((blocks * 40 + 500)) ] || fail "${pipelines[i]}: $all calls for $blocks blocks"
    done
}

@test "a group for every record stays within max_memory" {
    needs_usual_blocks
    is_sanitized && skip 'not with sanitizers'
    [ -x /usr/bin/time ] || skip 'no time here'
    seq 400000 | sed 's/.*/{"k":"key number &"}/' >in
    q='parse json | count by k with max_memory=4MiB | discard'
    bound=$(chanpipe explain "$q" in | sed -nE 's/^ *together +([0-9.]+) MiB.*/\1/p')
    /usr/bin/time -f %M -o peak "$CHANPIPE" -q "$q" in
    awk -v peak="$(cat peak)" -v bound="$bound" 'BEGIN { exit !(peak / 1024 <= bound) }' || fail "$(cat peak) KiB, explain says $bound MiB"
}

# libchan as others use it: installed, linked statically and as a shared library, from C and C++; and its examples.
load helper

: "${TEST_BUILD:=$ROOT/build}"
: "${CC:=cc}" "${CXX:=c++}"
PREFIX=/opt/chan

# The library is installed once, to a folder that stands for the root of a system.
setup_file() {
    export CHAN_ROOT=$BATS_FILE_TMPDIR/root
    make_lib install-lib || { cat "$BATS_FILE_TMPDIR/log" >&2; return 1; }
}

# With the flags of the build under test.
make_lib() {
    make -C "$ROOT" BUILD="$TEST_BUILD" DESTDIR="${2:-$CHAN_ROOT}" PREFIX=$PREFIX "$1" >"$BATS_FILE_TMPDIR/log" 2>&1
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    lib=$CHAN_ROOT$PREFIX/lib
    export PKG_CONFIG_LIBDIR=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$CHAN_ROOT
    sanitize=$(grep -oE -- '-fsanitize=[a-z,]+' "$TEST_BUILD/flags" | sort -u) || true
}

chan_flags() {
    pkg-config "$@" libchan
}

# Valid C and C++.
program() {
    cat <<'END'
#include <chan.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    struct chan_options options;
    chan_tx *tx;
    chan_rx *rx;
    int number = 41;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.capacity = 1;
    options.elem_size = sizeof(number);
    if (chan_open(&options, &tx, &rx) != CHAN_OK || chan_send(tx, &number) != CHAN_OK)
        return 1;
    chan_tx_drop(tx);
    CHAN_FOR_EACH(rx, &number)
        printf("%d\n", number + 1);
    chan_rx_drop(rx);
    return 0;
}
END
}

# runs PROGRAM: it prints 42 and nothing else.
runs() {
    LD_LIBRARY_PATH=$lib timeout "$LIMIT" "$1" >out 2>err || fail "$1 failed: $(cat err)"
    assert_equal "$(cat out err)" 42
}

not_sanitized() {
    [ -z "$sanitize" ] || skip "not with a sanitizer"
}

# The functions that chan.h declares.
declared() {
    sed -nE 's/^[a-z].*\b(chan_[a-z0-9_]+)\(.*/\1/p' "$ROOT/lib/chan/chan.h" | sort
}

@test "pkg-config finds the installed library" {
    assert_equal "$(pkg-config --modversion libchan)" "$(sed -n 's/^CHAN_VERSION := //p' "$ROOT/Makefile")"
    assert_equal "$(chan_flags --cflags | xargs)" "-I$CHAN_ROOT$PREFIX/include"
    assert_equal "$(chan_flags --libs | xargs)" "-L$lib -lchan"
    assert_equal "$(chan_flags --static --libs | xargs)" "-L$lib -lchan -pthread"
    pkg-config --validate libchan
    assert_equal "$(pkg-config --define-variable=prefix=/usr --variable=libdir libchan)" /usr/lib
}

@test "a C program with the shared library" {
    program >p.c
    $CC -Wall -Wextra -Werror $sanitize p.c $(chan_flags --cflags --libs) -o p
    readelf -d p | grep -q 'NEEDED.*\[libchan\.so\.0\]'
    runs ./p
}

@test "a C program with the static library" {
    program >p.c
    $CC -Wall -Wextra -Werror $sanitize p.c $(chan_flags --cflags) "$lib/libchan.a" -pthread -o p
    ! readelf -d p | grep -q libchan
    runs ./p
}

@test "a C program with nothing but static libraries" {
    not_sanitized
    program >p.c
    $CC -static p.c $(chan_flags --static --cflags --libs) -o p || skip "no static libc here"
    runs ./p
}

@test "a C++ program, shared and static" {
    needs "$CXX"
    program >p.cc
    $CXX -Wall -Wextra -Werror -pedantic $sanitize p.cc $(chan_flags --cflags --libs) -o p
    runs ./p
    $CXX -Wall -Wextra -Werror $sanitize p.cc $(chan_flags --cflags) "$lib/libchan.a" -pthread -o q
    runs ./q
}

@test "the headers stand alone, as C11 and as C++11" {
    for header in "$CHAN_ROOT$PREFIX"/include/*.h; do
        echo "#include \"$header\"" >p.c
        $CC -std=c11 -pedantic -Wall -Wextra -Werror -fsyntax-only p.c || fail "$header"
    done
    needs "$CXX"
    echo '#include <chan.h>' >p.cc
    $CXX -std=c++11 -pedantic -Wall -Wextra -Werror $(chan_flags --cflags) -fsyntax-only p.cc
}

@test "the shared library shows the functions of chan.h, no more and no fewer" {
    declared >in_header
    [ "$(wc -l <in_header)" -gt 50 ]
    nm -D --defined-only "$lib/libchan.so" | awk '{ print $3 }' | grep -v '^__' | sort >in_library
    diff in_header in_library
}

@test "the static library defines names of its own only" {
    not_sanitized
    nm -g --defined-only "$lib/libchan.a" | awk 'NF == 3 { print $3 }' >names
    ! grep -vE '^chani?_' names
}

@test "soname, links, and nothing needed but libc and threads" {
    not_sanitized
    readelf -d "$lib/libchan.so" >dynamic
    grep -q 'SONAME.*\[libchan\.so\.0\]' dynamic
    ! grep NEEDED dynamic | grep -vE '\[lib(c|pthread)\.so'
    assert_equal "$(readlink "$lib/libchan.so")" libchan.so.0
    [[ $(readlink "$lib/libchan.so.0") == libchan.so.0.*.* ]]
}

@test "every function has a manual page" {
    for name in $(declared); do
        page=$CHAN_ROOT$PREFIX/share/man/man3/$name.3
        [ -e "$page" ] || fail "no page $name(3)"
        target=$(sed -n 's/^\.so //p' "$page")
        [ -z "$target" ] || [ -s "$CHAN_ROOT$PREFIX/share/man/$target" ] || fail "$name(3) leads to $target"
    done
    [ -s "$CHAN_ROOT$PREFIX/share/man/man7/chan.7" ]
}

@test "uninstall leaves nothing behind" {
    make_lib install-lib "$PWD/root" && [ -e "root$PREFIX/include/chan.h" ]
    make_lib uninstall-lib "$PWD/root"
    assert_equal "$(find root ! -type d)" ''
}

@test "knobs: LIBDIR, INCLUDEDIR, MANDIR" {
    make -C "$ROOT" BUILD="$TEST_BUILD" DESTDIR="$PWD/root" PREFIX=/usr LIBDIR=/usr/lib/here INCLUDEDIR=/usr/include/chan \
        MANDIR=/man install-lib >log 2>&1
    [ -e root/usr/lib/here/libchan.so.0 ] && [ -e root/usr/include/chan/chan.h ] && [ -e root/man/man3/chan_open.3 ]
    grep -qx 'libdir=${prefix}/lib/here' root/usr/lib/here/pkgconfig/libchan.pc
}

# example NAME: writes what its head says, with the ordinary library and with the debug build.
example() {
    awk '/^ \* Output:/ { on = 1; next } / \*\// { exit } on { sub(/^ \*     /, ""); print }' \
        "$ROOT/lib/chan/examples/$1.c" >expected
    [ -s expected ]
    for dir in examples debug/examples; do
        timeout "$LIMIT" "$TEST_BUILD/$dir/$1" >out 2>err || fail "status $? of $dir/$1: $(cat err)"
        diff expected out && [ ! -s err ] || fail "$dir/$1: $(cat err)"
    done
}

@test "example: actor" { example actor; }
@test "example: event_loop" { example event_loop; }
@test "example: events" { example events; }
@test "example: fan" { example fan; }
@test "example: log" { example log; }
@test "example: pipeline" { example pipeline; }
@test "example: producer_consumer" { example producer_consumer; }
@test "example: rendezvous" { example rendezvous; }
@test "example: request_reply" { example request_reply; }
@test "example: several_producers" { example several_producers; }
@test "example: two_way" { example two_way; }
@test "example: urgent" { example urgent; }
@test "example: worker_pool" { example worker_pool; }

@test "every example has a test" {
    for file in "$ROOT"/lib/chan/examples/*.c; do
        name=$(basename "$file" .c)
        grep -q "^@test \"example: $name\"" "$BATS_TEST_FILENAME" || fail "$name has none"
    done
}

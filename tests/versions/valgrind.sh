#!/bin/sh
# valgrind.sh BUILD SAN ASAN: the life of a model under valgrind: no error, no definite leak;
# threads of one process under ThreadSanitizer: no race; the locks they share; and serving
# that stops half-way or runs out of memory, also under ASan. BUILD is build/release, SAN
# build/san-thread, ASAN build/san-address-undefined. SQLite and OpenBLAS are the system's,
# not built for ThreadSanitizer: it sees their locks, not their memory.

B=${1:-build/release}
SAN=${2:-build/san-thread}
ASAN=${3:-build/san-address-undefined}
CC=${CC:-cc}
. tests/versions/lib.sh
built "$B/gru4rec.so" "$B/tests/sqllogictest"
built SAN=thread "$SAN/gru4rec.so" "$SAN/tests/test_pool" "$SAN/tests/test_train" \
    "$SAN/tests/test_exchange" "$SAN/tests/test_blas_core"
built SAN=address,undefined "$ASAN/gru4rec.so"
here=tests/versions

under_valgrind() {
    valgrind --quiet --leak-check=full --show-leak-kinds=definite \
        --errors-for-leak-kinds=definite --num-callers=30 --error-exitcode=9 "$@"
}

build_memory() {
    $CC -std=gnu11 -O1 -g -Wall -Wextra -o "$B/memory" $here/memory.c -lsqlite3 &&
        $CC -std=gnu11 -O1 -g -Wall -Wextra -fsanitize=address,undefined -o "$ASAN/memory" \
            $here/memory.c -lsqlite3
}

build_threads() {
    $CC -std=gnu11 -O1 -g -Wall -Wextra -fsanitize=thread -o "$SAN/threads" $here/threads.c \
        -lsqlite3 -lpthread -ldl
}

races() {
    TSAN_OPTIONS="exitcode=66 $TSAN_OPTIONS" \
        timeout 900 "$SAN/threads" "$SAN/gru4rec.so" "$@"
}

# Of 8 threads that scan: what gru4rec.so locks, some 8 times for each scan however long that
# is, is held for a sliver of the time, most of which is the measuring.
build_locks() {
    $CC -std=gnu11 -O1 -g -Wall -Wextra -o "$B/threads" $here/threads.c -lsqlite3 -lpthread \
        -ldl && $CC -std=gnu11 -O1 -Wall -Wextra -shared -fPIC -o "$B/locks.so" $here/locks.c -ldl
}

scans() {
    LD_PRELOAD="$B/locks.so" "$B/threads" "$B/gru4rec.so" scan 300 2>&1 | tee /dev/stderr |
        awk '/^locked/ { held = $8; all = $10; n = $2 }
            END { exit !(n > 2400 && n < 60000 && held < 0.05 * all) }'
}

start=$(date +%s)
has_valgrind=
if apt_package valgrind; then
    check_runner 'valgrind' under_valgrind "$B/tests/sqllogictest" --extension "$B/gru4rec.so" \
        $here/whole.test
    check 'picks.so builds' $CC -O1 -shared -fPIC -o "$B/picks.so" tests/life/blas_core.c &&
        check_runner 'valgrind: kernels of OpenBLAS chosen at load' env LD_PRELOAD="$PWD/$B/picks.so" \
            TEST_CORETYPE=Prescott valgrind --quiet --leak-check=full --show-leak-kinds=definite \
            --errors-for-leak-kinds=definite --error-exitcode=9 "$B/tests/sqllogictest" \
            --extension "$B/gru4rec.so" $here/whole.test
    has_valgrind=1
else
    note_missing 'valgrind (Debian)'
fi
if check 'memory.c builds' build_memory; then
    [ -z "$has_valgrind" ] ||
        check_runner 'valgrind: statements that end in the middle' under_valgrind "$B/memory" \
            "$B/gru4rec.so" 0 UTF-8
    check_runner 'no memory' "$B/memory" "$B/gru4rec.so" 7 UTF-8
    check_runner 'no memory, UTF-16' "$B/memory" "$B/gru4rec.so" 11 UTF-16
    check_runner 'no memory, ASan' "$ASAN/memory" "$ASAN/gru4rec.so" 41 UTF-16
fi
if check 'threads.c builds for ThreadSanitizer' build_threads; then
    check 'ThreadSanitizer: trainings at once' races same 1
    check 'ThreadSanitizer: serving while training' races serve 2
    check 'ThreadSanitizer: answers while versions change' races answers 2
    check 'ThreadSanitizer: loading and scans of a large catalogue' races scan 3
    check 'ThreadSanitizer: trainings, tuning and evaluation with a blend' races blend 1
fi
if check 'locks.c builds' build_locks; then
    check 'scans of 8 threads share no lock' scans
fi
check 'ThreadSanitizer: the pool' "$SAN/tests/test_pool"
check 'ThreadSanitizer: training' "$SAN/tests/test_train"
check 'ThreadSanitizer: training over ranks' "$SAN/tests/test_exchange"
check 'ThreadSanitizer: kernels of OpenBLAS' "$SAN/tests/test_blas_core"
echo "$(($(date +%s) - start)) seconds"
finish

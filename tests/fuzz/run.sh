#!/bin/sh
# run.sh SECONDS - builds the fuzz targets into build/fuzz and runs each for that long;
# first flips, which is exhaustive. Two run side by side. Needs clang with libFuzzer; without it nothing is run.
# The last line is "N passed, N failed". What was found stays in build/fuzz/found.
set -u
cd "$(dirname "$0")/../.." || exit 2
seconds=${1:?usage: run.sh SECONDS}
B=build/fuzz
mkdir -p $B/found $B/corpus/import $B/corpus/options

echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }' >$B/probe.c
if ! clang -fsanitize=fuzzer,address,undefined -o $B/probe $B/probe.c 2>/dev/null; then
    echo "no clang with libFuzzer here"
    echo "0 passed, 0 failed"
    exit 0
fi

san=fuzzer-no-link,address,undefined
objects=$(printf '%s\n' ext/*.c ext/*/*.c | grep -v '^ext/mpi/' | sed "s|^|$B/|; s|c\$|o|")
# shellcheck disable=SC2086
make -s -j"$(nproc)" CC=clang B=$B SAN=$san CFLAGS=-DSQLITE_CORE $B/libgru4rec.a $objects >/dev/null || exit 1
libs="$(pkg-config --libs openblas 2>/dev/null || echo -lopenblas) -lsqlite3 -lm -lpthread"
flags="-std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -fno-sanitize-recover=all"
build() { # name, sanitizers, sources
    name=$1 kind=$2
    shift 2
    # shellcheck disable=SC2086
    clang $flags -fsanitize=$kind,address,undefined -o $B/$name "$@" $objects \
        $B/libgru4rec.a $libs || exit 1
}
build fuzz_import fuzzer tests/fuzz/fuzz_import.c
build fuzz_options fuzzer tests/fuzz/fuzz_options.c
build flips fuzzer-no-link tests/fuzz/flips.c tests/fuzz/fuzz_import.c

# Words of headers and options; numbers at the edges.
{
    for word in __metadata__ format gru4rec items support options dtype F32 shape \
        data_offsets I32 F64 blend.times blend.lengths blend.rows Wy.weight By.weight E.weight GE.Wx0.weight G.0.weight_ih G.0.Wx true \
        false null auto layersize cross-entropy bpr-max softmax linear elu- 65536 1000000 \
        9007199254740992 9223372036854775807 -1 1e308 1e-9 0.5 65536/65536 \
        $(sed -n 's/^    OPTION( *\([a-z_]*\),.*/\1/p' src/options/options_table.c); do
        printf '"%s"\n' "$word"
    done
} >$B/words.dict

n_passed=0 n_failed=0
verdict() { # status, name
    if [ "$1" -eq 0 ]; then
        n_passed=$((n_passed + 1))
    else
        n_failed=$((n_failed + 1))
        echo "FAIL $2"
    fi
}

export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
export OPENBLAS_NUM_THREADS=1
$B/flips --seeds $B/corpus || exit 1
$B/flips 0 2 &
$B/flips 1 2
status=$?
wait $!
verdict $((status + $?)) flips
fuzz() { # target
    $B/fuzz_$1 -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=1024 \
        -malloc_limit_mb=100 -timeout=10 -dict=$B/words.dict -print_final_stats=1 \
        -artifact_prefix=$B/found/$1- $B/corpus/$1 >$B/$1.log 2>&1
}
tell() { # status, target
    grep -E '^(stat::number_of_executed_units|stat::peak_rss_mb)' $B/$2.log |
        sed "s/^stat::/fuzz_$2: /"
    [ "$1" -ne 0 ] && grep -E 'broken:|ERROR|runtime error|SUMMARY|Test unit' $B/$2.log
    verdict "$1" "fuzz_$2"
}
fuzz import &
fuzz options
status=$?
wait $!
tell $? import
tell $status options
echo "$n_passed passed, $n_failed failed"
[ $n_failed -eq 0 ]

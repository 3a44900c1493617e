#!/bin/sh
# run.sh quick|soak BUILD SANITIZED [SECONDS]: all attacks, one after the other. BUILD and
# SANITIZED are build directories: where speed finds more, and where a sanitizer does.
# quick: each for the few seconds that are its share of make test.
# soak: each for SECONDS (600) with a new seed, all sanitized.
# The last line is "N passed, N failed".

here=$(dirname "$0")
what=$1
build=$2
sanitized=$3
seconds=${4:-600}
python=${PYTHON:-/usr/bin/python3}
seed=1
if [ "$what" = soak ]; then
    build=$sanitized
    seed=$(date +%s)
    echo "note  seed $seed"
fi
. "$here/../count.sh"

export OPENBLAS_NUM_THREADS=1 # small models; and a process for each case
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16
export UBSAN_OPTIONS=print_stacktrace=1

# attack NAME SHARE COMMAND...: SHARE are the seconds of the quick form.
attack() {
    name=$1
    [ "$what" = soak ] || seconds=$2
    shift 2
    count "$name" "$@" --seconds "$seconds" --seed "$seed"
}

program() {
    name=$1
    share=$2
    file=$3
    shift 3
    attack "$name" "$share" "$build/tests/attack_$file" "$build/gru4rec.so" "$@"
}

# script NAME SHARE BUILD FILE. Python loads a sanitized library only with the sanitizer's
# own, which comes first.
script() {
    if [ ! -x "$python" ]; then
        echo "note  no $python: $1 is left out"
        return
    fi
    name=$1
    share=$2
    library=$3/gru4rec.so
    preload=
    [ "$3" = "$sanitized" ] && preload=$(cc -print-file-name=libasan.so)
    attack "$name" "$share" env LD_PRELOAD="$preload" "$python" "$here/$4" "$library"
}

program 'faults: I/O' 15 faults io
program 'faults: interrupts' 15 faults interrupt
program 'faults: authorizer' 10 faults authorizer
program 'asynchronous interrupts' 5 asynchronous
program 'snapshots' 10 snapshot
program 'recursion' 8 recursion
script 'shadow tables' 14 "$sanitized" shadow.py
script 'states' 6 "$sanitized" states.py
script 'damaged files' 10 "$sanitized" damage.py
script 'concurrency' 10 "$build" concurrency.py
[ "$what" = soak ] && script 'random SQL' 0 "$sanitized" ../relational/differential.py
total

#!/bin/sh
# bench.sh PROGRAM MPI [W1|W2...]: how much faster two ranks of one thread are than one.
#
# Run it on an idle machine of two cores or more (make bench-mpi). Each row is trained in
# turn by one rank and by two, ROUNDS times (3), SECONDS (10) each; the best of each counts.
# With NETWORK=1 (Open MPI, root) there are also rows for two network namespaces that are
# joined by 1 Gb/s (network.sh). Verdicts: W2 at least 1.7; W1 1.5 and the network 1.6 are
# aims.

program=$1
mpi=$2
shift 2
here=$(dirname "$0")
ROUNDS=${ROUNDS:-3}
SECONDS_EACH=${SECONDS_EACH:-10}
ITEMS=${ITEMS:-37000}
[ $# -gt 0 ] || set -- W1 W2
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OPENBLAS_NUM_THREADS=1

over() { # N COMMAND...
    n=$1
    shift
    case $mpi in
    mpich) mpirun.mpich -np "$n" "$@" ;;
    openmpi) mpirun.openmpi --oversubscribe --bind-to none -np "$n" "$@" ;;
    esac
}
by_messages() {
    (
        export GRU4REC_MPI_SHARED=0
        over "$@"
    )
}
by_network() {
    "$here/network.sh" run "$@"
}

# row NAME HOW WORKLOAD OPTIONS: prints a row of the table
row() {
    best1=0 best2=0 rest=
    for _ in $(seq "$ROUNDS"); do
        alone=$(over 1 "$program" "$3" "$ITEMS" "$SECONDS_EACH" "$4" | cut -f2)
        both=$($2 2 "$program" "$3" "$ITEMS" "$SECONDS_EACH" "$4")
        [ "${alone:-0}" -gt "$best1" ] && best1=$alone
        rate=$(echo "$both" | cut -f2)
        [ "${rate:-0}" -gt "$best2" ] && best2=$rate && rest=$(echo "$both" | cut -f3,4)
    done
    echo "$best1 $best2 $rest" | awk -v name="$1" '{
        printf "%-44s %8d %8d %6.2f %9d %6.0f %%\n", name, $1, $2, $2 / ($1 > 0 ? $1 : 1), $3, 100 * $4 }'
}

printf '%-44s %8s %8s %6s %9s %8s\n' "events/s ($mpi)" '1 rank' '2 ranks' ratio 'bytes/ev.' exchange
for workload; do
    row "$workload" over "$workload" ''
    row "$workload, messages" by_messages "$workload" ''
    row "$workload, messages, bfloat16" by_messages "$workload" exchange_precision=bfloat16
    for n in 50 200 1000; do
        row "$workload, messages, sync_steps=$n" by_messages "$workload" "momentum=0 sync_steps=$n"
    done
done
[ "${NETWORK:-0}" = 1 ] || exit 0
"$here/network.sh" up || exit 1
trap '"$here/network.sh" down' EXIT
for workload; do
    row "$workload, 1 Gb/s" by_network "$workload" ''
    row "$workload, 1 Gb/s, bfloat16" by_network "$workload" exchange_precision=bfloat16
    for n in 50 200 1000; do
        row "$workload, 1 Gb/s, sync_steps=$n" by_network "$workload" "momentum=0 sync_steps=$n"
        row "$workload, 1 Gb/s, sync_steps=$n, bfloat16" by_network "$workload" \
            "momentum=0 sync_steps=$n exchange_precision=bfloat16"
    done
done

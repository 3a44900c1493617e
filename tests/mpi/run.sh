#!/bin/sh
# run.sh MAKE EXTENSION: training over several processes, with MPICH and Open MPI, which it
# installs with mpi4py. MPIS="mpich": only one of them; GRU4REC_QUICK= (empty): more ranks. EXTENSION is gru4rec.so, for comparisons.

make=$1
plain=${2%.so}
here=$(dirname "$0")
PYTHON=${PYTHON:-/usr/bin/python3}
. "$here/../versions/lib.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Open MPI lets root run only if it is asked to.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# over N COMMAND...: the command on N ranks of the MPI $mpi. After ten minutes it has hung.
over() {
    n=$1
    shift
    case $mpi in
    mpich) timeout -k 5 600 mpirun.mpich -np "$n" "$@" ;;
    openmpi) timeout -k 5 600 mpirun.openmpi --oversubscribe -np "$n" "$@" ;;
    esac
}

# The same without shared memory.
by_messages() {
    (
        export GRU4REC_MPI_SHARED=0
        over "$@"
    )
}

# One rank's row of gru4rec_ranks() for each of N ranks, in the sqlite3 shell.
ranks_of_shell() {
    rm -f "$work"/said*
    over "$1" sh -c "sqlite3 :memory: -cmd '.load $extension' 'SELECT gru4rec_ranks()' \
        >$work/said\${PMI_RANK:-\$OMPI_COMM_WORLD_RANK}"
    cat "$work"/said* |
        sed 's/.*"rank":\([0-9]*\),"ranks":\([0-9]*\).*"host_ranks":\([0-9]*\),.*/\1 \2 \3/' |
        sort >"$work/got"
    for rank in $(seq 0 $(($1 - 1))); do
        echo "$rank $1 $1"
    done | diff - "$work/got"
}

# Each rank has a file of its own.
shards() {
    rm -f "$work"/shard*.db
    over 2 sh -c "sqlite3 $work/shard\${PMI_RANK:-\$OMPI_COMM_WORLD_RANK}.db -cmd '.load $extension' \
        \"CREATE TABLE t AS SELECT json_extract(gru4rec_ranks(), '\\\$.rank') AS rank\""
    [ "$(sqlite3 "$work/shard0.db" 'SELECT rank FROM t')" = 0 ] &&
        [ "$(sqlite3 "$work/shard1.db" 'SELECT rank FROM t')" = 1 ]
}

# only_one FIRST SECOND NAME: on a connection that has FIRST, SECOND is refused, because NAME
# is loaded. To load FIRST again is no error.
only_one() {
    out=$(sqlite3 :memory: -cmd ".load $1" -cmd ".load $1" -cmd ".load $2" 'SELECT 1' 2>&1)
    echo "$out"
    [ "$(echo "$out" | grep -c rror)" -eq 1 ] &&
        echo "$out" | grep -q "gru4rec: $3 is loaded on this connection already"
}

# The weights of a training.
weights() {
    sqlite3 :memory: -cmd ".load $1" <"$here/train.sql"
}

same_bits() {
    weights "$plain" >"$work/plain" && weights "$extension" >"$work/mpi" &&
        [ -s "$work/plain" ] && cmp "$work/plain" "$work/mpi"
}

# The figures of one process, by every rank. evaluated N OPTIONS
evaluated() {
    db=$work/evaluated.db
    query="SELECT * FROM gru4rec_evaluate('rec', 'later', '$2')"
    if [ ! -r "$db" ]; then
        sqlite3 "$db" -cmd ".load $plain" <"$here/evaluate.sql" || return 1
    fi
    sqlite3 "$db" -cmd ".load $plain" "$query" >"$work/alone" || return 1
    over "$1" sh -c "sqlite3 '$db' -cmd '.load $extension' \"$(echo "$query" | sed "s/'\([^']*\)')\$/'\1,ranks=all')/")\" \
        >$work/figures\${PMI_RANK:-\$OMPI_COMM_WORLD_RANK}" || return 1
    for rank in $(seq 0 $(($1 - 1))); do
        [ -s "$work/figures$rank" ] && cmp "$work/alone" "$work/figures$rank" || return 1
    done
}

host() {
    over "$1" "$PYTHON" "$here/host.py" "./$extension" "$2"
}

# Trainings over N ranks, against one process.
shards_of() {
    case $mpi in
    mpich) launcher='mpirun.mpich' ;;
    openmpi) launcher='mpirun.openmpi --oversubscribe' ;;
    esac
    # shellcheck disable=SC2086
    "$PYTHON" "$here/shards.py" "$plain" "$extension" "$1" timeout -k 5 600 $launcher -np "$1"
}

# The lines of docs/scaling.md that train over shards.
example() {
    (
        case $mpi in
        mpich) mpirun=mpirun.mpich rank=PMI_RANK ;;
        openmpi) mpirun='mpirun.openmpi --oversubscribe' rank=OMPI_COMM_WORLD_RANK ;;
        esac
        top=$PWD
        sed -n '/^### Training over shards/,$p' docs/scaling.md |
            sed -n '/^```sh/,/^```/p' | sed '/^```/d' |
            sed "s|^mpirun|timeout -k 5 600 $mpirun|; s|PMI_RANK|$rank|; s|\./gru4rec_mpi|$top/$extension|" >"$work/example.sh"
        rm -f "$work"/shard*.db
        cd "$work" && sh ./example.sh >example.out &&
            [ "$(grep -c '"ranks":{"ranks":2,"rank":[01],"events":\[5000,5000\]' example.out)" -eq 2 ] &&
            [ "$(sqlite3 shard0.db 'SELECT * FROM rec_tensor')" = "$(sqlite3 shard1.db 'SELECT * FROM rec_tensor')" ]
    )
}

# differing WORDS SOURCE0 OPTIONS0 SOURCE1 OPTIONS1: an evaluation by two ranks that are given
# different things is refused on both, in these words.
differing() {
    cat >"$work/differing.sh" <<END
if [ \${PMI_RANK:-\$OMPI_COMM_WORLD_RANK} = 0 ]; then with="'$2', '$3'"; else with="'$4', '$5'"; fi
sqlite3 '$work/evaluated.db' -cmd '.load $extension' "SELECT * FROM gru4rec_evaluate('rec', \$with)" 2>&1
exit 0
END
    over 2 sh "$work/differing.sh" >"$work/differing"
    cat "$work/differing"
    [ "$(grep -c "$1" "$work/differing")" -eq 2 ] && [ "$(wc -l <"$work/differing")" -eq 2 ]
}

# Two machines, as far as MPI can tell, if this one can have them.
over_network() {
    "$here/network.sh" down >/dev/null 2>&1
    "$here/network.sh" up >/dev/null 2>&1 || {
        "$here/network.sh" down >/dev/null 2>&1
        echo 'note: there are no network namespaces here, or no tc'
        echo '0 passed, 0 failed'
        return
    }
    timeout -k 5 600 "$here/network.sh" run 2 "$@"
    status=$?
    "$here/network.sh" down
    return $status
}

# Without mpirun.
alone() {
    "$PYTHON" "$here/host.py" "./$extension" "$1"
}

alone_in_shell() {
    sqlite3 :memory: -cmd ".load $extension" 'SELECT gru4rec_ranks()' |
        grep '"rank":0,"ranks":1,"host_rank":0,"host_ranks":1'
}

other_mpi_is_there() {
    command -v mpirun.mpich >/dev/null && command -v mpirun.openmpi >/dev/null
}

# Processes that the mpirun of another MPI has started.
other_mpirun() {
    (
        case $mpi in mpich) mpi=openmpi ;; openmpi) mpi=mpich ;; esac
        host 2 'other mpirun'
    )
}

start=$(date +%s)
for mpi in ${MPIS:-mpich openmpi}; do
    case $mpi in
    mpich) set -- mpich libmpich-dev ;;
    openmpi) set -- openmpi-bin libopenmpi-dev ;;
    esac
    # How many ranks each kind of test has.
    numbers='1 2 3 4' some='2 3' many='2 3 4'
    case ${GRU4REC_QUICK:+$mpi} in
    mpich) numbers='2 3' some=3 many=3 ;;
    openmpi) numbers=2 some=2 many=2 ;;
    esac
    if ! apt_package "$@"; then
        echo "note: $mpi cannot be installed; its tests are left out"
        continue
    fi
    $make -j"$(nproc)" MPI=$mpi mpi-programs >"$work/make" 2>&1 || {
        cat "$work/make"
        echo '0 passed, 1 failed'
        exit 1
    }
    programs=build/release-$mpi/tests
    extension=build/release-$mpi/gru4rec_mpi
    echo "== $mpi"
    for n in $numbers; do
        check_runner "exchanges, $n ranks" over $n "$programs/mpi_exchanges"
        [ $n -eq 1 ] || check_runner "exchanges by messages, $n ranks" by_messages $n "$programs/mpi_exchanges"
        check_runner "stops, $n ranks" over $n "$programs/mpi_stops"
        check "the sqlite3 shell, $n ranks" ranks_of_shell $n
        [ $n -eq 1 ] || check "a rank ends, $n ranks" over $n "$programs/mpi_stops" --ended
    done
    for n in $some; do
        check_runner "trainings of the library, $n ranks" over $n "$programs/mpi_train"
        check "evaluation, $n ranks" evaluated $n mode=median
        check "evaluation of baselines, $n ranks" evaluated $n baselines=all,segment=length,cutoffs=5/20
    done
    check 'evaluation with other options' differing 'the ranks differ in option' later ranks=all later cutoffs=3,ranks=all
    check 'evaluation on another test' differing 'rank 1 has another model, test' later ranks=all earlier ranks=all
    check 'evaluation that fails' differing 'no such table: nowhere' later ranks=all nowhere ranks=all
    check 'the example of the documentation' example
    [ $mpi = mpich ] || check_runner 'exchanges over a network' over_network "$PWD/$programs/mpi_exchanges"
    check 'without mpirun' alone_in_shell
    [ ! -x "$PYTHON" ] || check_runner 'killed and stopped ranks' "$PYTHON" "$here/faults.py" "$extension" $mpi
    # What does not depend on MPI: with one of them.
    [ ! -x "$PYTHON" ] || [ $mpi != mpich ] ||
        check_runner 'commits' "$PYTHON" "$here/commits.py" "$extension" $mpi
    [ ! -x "$PYTHON" ] || check_runner 'tunings' "$PYTHON" "$here/tune.py" "$extension" $mpi
    check 'each rank with a file of its own' shards
    check 'gru4rec.so beside it' only_one "$extension" "$plain" gru4rec_mpi.so
    check 'beside gru4rec.so' only_one "$plain" "$extension" gru4rec.so
    check 'the bits of gru4rec.so' same_bits
    check_runner 'structure' $make MPI=$mpi check-layers
    [ -x "$PYTHON" ] || {
        echo "note: no $PYTHON"
        continue
    }
    check 'Python without mpirun' alone plain
    check 'a view' alone view
    for n in $many; do
        check_runner "shards, $n ranks" shards_of $n
    done
    for case in plain interrupt nobody threads; do
        check "Python, 2 ranks: $case" host 2 $case
    done
    [ -n "${GRU4REC_QUICK:-}" ] || check 'threads of 4 ranks' host 4 threads
    other_mpi_is_there && check 'mpirun of the other MPI' other_mpirun
    apt_package python3-mpi4py || {
        echo 'note: mpi4py cannot be installed'
        continue
    }
    # Debian's mpi4py is one of Open MPI.
    if [ $mpi = mpich ]; then
        check 'mpi4py of Open MPI' alone 'other MPI'
        continue
    fi
    for case in multiple serialized funneled mixed single 'other thread' finalised \
        'interrupt, host'; do
        check "mpi4py, 2 ranks: $case" host 2 "$case"
    done
    check 'mpi4py without mpirun' alone multiple
done
echo "$(($(date +%s) - start)) seconds"
finish

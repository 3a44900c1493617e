#!/bin/sh
# soak.sh MAKE [KILLS]: kills ranks of trainings, KILLS (50) for each MPI that is installed, and of tunings.

make=$1
kills=${2:-50}
here=$(dirname "$0")
PYTHON=${PYTHON:-/usr/bin/python3}
. "$here/../versions/lib.sh"

for mpi in mpich openmpi; do
    case $mpi in mpich) package=mpich ;; openmpi) package=ompi-c ;; esac
    command -v mpirun.$mpi >/dev/null && pkg-config --exists $package && [ -x "$PYTHON" ] || {
        echo "note: no $mpi, or no $PYTHON; its kills are left out"
        continue
    }
    $make MPI=$mpi build/release-$mpi/gru4rec_mpi.so >/dev/null || exit 1
    check_runner "$kills kills, $mpi" "$PYTHON" "$here/faults.py" build/release-$mpi/gru4rec_mpi $mpi --kills "$kills"
    check_runner "commits, $mpi" "$PYTHON" "$here/commits.py" build/release-$mpi/gru4rec_mpi $mpi --long
    check_runner "tunings, $mpi" env GRU4REC_QUICK= "$PYTHON" "$here/tune.py" build/release-$mpi/gru4rec_mpi $mpi
done
finish

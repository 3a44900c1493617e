#!/bin/sh
# network.sh up [RATE] | down | run N COMMAND...: two machines that are none.
#
# Two network namespaces, each with a host name of its own, are joined by a link of RATE
# (1gbit), which `tc tbf` sets in both directions. run starts N ranks of Open MPI, divided
# between them, which exchange messages by TCP over the link. Delay is that of the kernel:
# the queue that would add some (netem) is not in every kernel. Needs root, ip, tc and
# mpirun.openmpi; nothing else on the machine changes, and down takes all of it away.

set -e
one=10.77.0.1 two=10.77.0.2
name() { # ADDRESS: the namespace
    case $1 in "$one") echo gru4rec1 ;; *) echo gru4rec2 ;; esac
}

case ${1:-} in
up)
    rate=${2:-1gbit}
    for address in $one $two; do
        ip netns add "$(name $address)"
        ip -n "$(name $address)" link set lo up
    done
    ip -n gru4rec1 link add link1 type veth peer name link1 netns gru4rec2
    for address in $one $two; do
        ip -n "$(name $address)" address add $address/24 dev link1
        ip -n "$(name $address)" link set link1 up
        tc -n "$(name $address)" qdisc add dev link1 root tbf rate "$rate" burst 256kb latency 50ms
    done
    ;;
down)
    ip netns delete gru4rec1 || true
    ip netns delete gru4rec2
    ;;
on) # ADDRESS COMMAND...: what Open MPI calls in place of ssh
    shift
    host=$1
    shift
    exec ip netns exec "$(name "$host")" unshare --uts sh -c "hostname $(name "$host"); exec sh -c '$*'"
    ;;
run)
    shift
    n=$1
    shift
    self=$(realpath "$0")
    agent=$(mktemp)
    trap 'rm -f "$agent"' EXIT
    printf '#!/bin/sh\nexec "%s" on "$@"\n' "$self" >"$agent"
    chmod +x "$agent"
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    # The ranks share a kernel, so they could share memory; they must not.
    ip netns exec gru4rec1 env GRU4REC_MPI_SHARED=0 OPENBLAS_NUM_THREADS=1 \
        mpirun.openmpi -np "$n" -H "$one:$(((n + 1) / 2)),$two:$((n / 2))" \
        -x GRU4REC_MPI_SHARED -x OPENBLAS_NUM_THREADS --mca plm_rsh_agent "$agent" \
        --mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 \
        --mca oob_tcp_if_include 10.77.0.0/24 --bind-to none "$@"
    ;;
*)
    echo "usage: network.sh up [RATE] | down | run N COMMAND..." >&2
    exit 2
    ;;
esac

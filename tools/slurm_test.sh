#!/usr/bin/env bash
# bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [ARGUMENTS of tools/test.py]
# GPUS (8) processes, GPUS_PER_NODE (8) on a machine, with CPUS_PER_TASK (5)
# cores each; SRUN_ARGS for more of srun's arguments. GPUS_PER_NODE=0 with
# SRUN_ARGS="--ntasks-per-node=N" runs on the CPU.
set -euo pipefail
if [ $# -lt 4 ]; then
    sed -n 2p "$0" | cut -c3- >&2
    exit 2
fi
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
CHECKPOINT=$4
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-8}
CPUS_PER_TASK=${CPUS_PER_TASK:-5}
SRUN_ARGS=${SRUN_ARGS:-}
# Jobs of one machine must not meet at one port.
export MASTER_PORT=${MASTER_PORT:-$((12000 + RANDOM % 20000))}

devices=()
if [ "$GPUS_PER_NODE" -gt 0 ]; then
    devices=(--gres="gpu:$GPUS_PER_NODE" --ntasks-per-node="$GPUS_PER_NODE")
fi
# SRUN_ARGS are several words.
# shellcheck disable=SC2086
exec srun -p "$PARTITION" --job-name="$JOB_NAME" "${devices[@]}" \
    --ntasks="$GPUS" --cpus-per-task="$CPUS_PER_TASK" --kill-on-bad-exit=1 \
    $SRUN_ARGS \
    python -u "$(dirname "$0")/test.py" "$CONFIG" "$CHECKPOINT" --launcher slurm "${@:5}"

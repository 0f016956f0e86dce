# shellcheck shell=bash
# What the job scripts share; they source it. A job runs a copy of its script from Slurm's spool directory, so this file
# is looked for in $GRADSWEEP_JOBS, or else in jobs/ below the directory of submission.
#
# To be set in the environment of sbatch, if need be:
#   GRADSWEEP_JOBS   the directory of this file
#   GRADSWEEP        the command; otherwise build/release/src/gradsweep below the directory of submission, then PATH
#   MAX_RESTARTS     turns after the first, at most (20): a sweep that makes no progress does not run for ever
#   MPI_TYPE         as `srun --mpi=list` names it (pmix)

# Where Open MPI is started as root it wants to be told twice.
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# Ends the job: wrong use, which no repetition would mend.
refuse() {
    echo "$*" >&2
    exit 2
}

# Prints the command's path.
find_gradsweep() {
    local path=${GRADSWEEP:-build/release/src/gradsweep}
    if [ -x "$path" ]; then
        echo "$path"
    elif [ -n "${GRADSWEEP:-}" ]; then
        command -v "$GRADSWEEP" || refuse "GRADSWEEP=$GRADSWEEP is no command; build it, or set GRADSWEEP to its path"
    else
        command -v gradsweep || refuse "gradsweep was not found; build it, or set GRADSWEEP to its path"
    fi
}

# How many cells of a results file are finished; 0 where there is none yet: finished_cells GRADSWEEP OUT.h5
finished_cells() {
    local done failed rest
    read -r done failed rest < <("$1" info "$2" 2>/dev/null |
        sed -n 's/^ *\([0-9]*\) cells done.*, \([0-9]*\) failed.*/\1 \2/p')
    echo $((${done:-0} + ${failed:-0}))
}

# Whether a turn of this job that has not finished a single cell follows another one like it; the file OUT.h5.turns tells the
# next turn: is_second_idle_turn JOB OUT.h5 CELLS BEFORE IT, AND AFTER IT
is_second_idle_turn() {
    local noted='' idle=0
    read -r noted idle 2>/dev/null <"$2.turns"
    [ "$noted" = "$1" ] && [ "$4" -eq "$3" ] || idle=0
    [ "$4" -gt "$3" ] || idle=$((idle + 1))
    echo "$1 $idle" >"$2.turns"
    [ "$idle" -ge 2 ]
}

# The results file of one shard: shard_file OUT.h5 I N
shard_file() {
    echo "${1%.h5}.shard-$2-of-$3.h5"
}

# A cancelled job also stops with 75, and a requeue would bring it back to life: only a running one goes on.
job_is_running() {
    [ "$(squeue --noheader --jobs="$1" --format=%T)" = RUNNING ]
}

# Part of run_in_turns: passes SIGUSR1 on to the ranks. srun drops what comes before they are there, so it is told until
# it has ended; to those who know, a repetition says nothing new.
tell_ranks() {
    [ -z "$teller" ] || return
    echo "told to stop, as before the time limit"
    while kill -USR1 "$run" 2>/dev/null; do sleep 1; done &
    teller=$!
}

# Runs a sweep on all ranks of the job, and ends the script with its exit code; stopped before the end, the job puts
# itself back into the queue first: run_in_turns SWEEP.yaml OUT.h5 [OPTIONS OF gradsweep run...]
#
# Before the time limit Slurm sends this script SIGUSR1 (--signal). It passes it on; all ranks finish or drop the cells
# in work within 10 s and leave with exit code 75: stopped, resumable. --resume goes on where it was, on any number of
# ranks.
run_in_turns() {
    local sweep=$1 results=$2 job=$SLURM_JOB_ID turn=${SLURM_RESTART_COUNT:-0}
    local gradsweep code before run='' teller='' is_interrupted=false is_told=false
    shift 2
    gradsweep=$(find_gradsweep) || exit
    before=$(finished_cells "$gradsweep" "$results")
    # A task of an array goes by both numbers.
    [ -z "${SLURM_ARRAY_TASK_ID:-}" ] || job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    trap 'is_interrupted=true; is_told=true; [ -z "$run" ] || tell_ranks' USR1
    # scancel tells all ranks by itself; this script only waits for what they say.
    trap 'is_interrupted=true' TERM
    echo "turn $((turn + 1)) of job $job on ${SLURM_JOB_NODELIST:-this node}, $(date -u +%FT%TZ)"

    # A job that was submitted with no environment (SBATCH_EXPORT=NONE) would start its ranks with none as well.
    export SLURM_EXPORT_ENV=ALL
    # Slurm 22.05 and later do not hand --cpus-per-task on to srun.
    export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}
    # A rank that is killed ends its step: srun tells the others to stop, they save and leave with 75 as before a time
    # limit, and the next turn computes what the killed one had in work.
    # In the background, for bash runs a trap only once its foreground command has ended.
    srun --mpi="${MPI_TYPE:-pmix}" --kill-on-bad-exit=1 "$gradsweep" run "$sweep" -o "$results" --resume "$@" &
    run=$!
    ! $is_told || tell_ranks
    # A signal ends `wait` and not srun: wait again. Bash remembers how srun ended, also if that was long ago.
    while :; do
        is_interrupted=false
        wait "$run"
        code=$?
        $is_interrupted || break
    done
    [ -z "$teller" ] || kill "$teller" 2>/dev/null
    # Ranks that were told before they could listen, in the midst of their start, are ended by the signal itself.
    [ "$code" -ne $((128 + $(kill -l USR1))) ] || code=75
    if [ "$code" -eq 75 ] && job_is_running "$job"; then
        if is_second_idle_turn "$job" "$results" "$before" "$(finished_cells "$gradsweep" "$results")"; then
            echo "two turns have ended without a new cell, and the next one would: either a rank is killed for want of" \
                "memory (more: --mem-per-cpu; sacct -j $job -o JobID,State,MaxRSS), or one unit of work takes longer" \
                "than a turn (more: --time). gradsweep plan $sweep says what each needs; sbatch it again to go on" >&2
            code=1
        elif [ "$turn" -lt "${MAX_RESTARTS:-20}" ]; then
            echo "stopped before the end; back into the queue"
            scontrol requeue "$job"
            exit "$code"
        else
            echo "stopped before the end after $((turn + 1)) turns; sbatch it again to go on, or raise MAX_RESTARTS" >&2
        fi
    fi
    rm -f "$results.turns"
    exit "$code"
}

#!/usr/bin/env bash
# Asks `gradsweep plan` what a sweep costs and proposes a job for it: nodes, ranks, cores a rank, memory and time.
# Prints the sbatch lines; --submit also runs them.
#
# usage: jobs/submit.sh SWEEP.yaml OUT.h5 [--ranks N] [--shards N] [--time [D-]HH:MM:SS] [--cores-per-node N]
#                       [--set KEY=VALUE]... [--dry-run | --submit]
#   --ranks N           so many ranks (a job); otherwise the smallest power of two with which one turn suffices
#   --shards N          a job array of N tasks, and a job that merges their files
#   --time T            the longest turn, the partition's limit say (04:00:00); longer work takes several turns
#   --cores-per-node N  otherwise as sinfo says, or else 64
#   --set KEY=VALUE     as for gradsweep run
#   --dry-run           only print (the default)
#
# The plan measures this machine: on nodes that are much slower, ask for more time. GRADSWEEP names another command.
set -euo pipefail
jobs=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$jobs/slurm.sh"

# Turns that would be no better than half idle are not proposed.
readonly MOST_RANKS=1024 LEAST_EFFICIENCY=50
# Slurm may signal a minute early, and the signal comes two minutes before the limit: those minutes are not computed in.
readonly MINUTES_OF_SIGNAL=3

usage() {
    sed -n '/^# usage:/,/^#$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

require_count() {
    [[ $2 =~ ^[1-9][0-9]{0,5}$ ]] || refuse "$1 takes a number from 1 on, not '$2'"
}

# [D-]HH:MM:SS in minutes, seconds rounded up
minutes_of() {
    [[ $1 =~ ^(([0-9]+)-)?([0-9]+):([0-5][0-9]):([0-5][0-9])$ ]] || refuse "a time is [D-]HH:MM:SS, not '$1'"
    echo $((10#${BASH_REMATCH[2]:-0} * 1440 + 10#${BASH_REMATCH[3]} * 60 + 10#${BASH_REMATCH[4]} +
        (10#${BASH_REMATCH[5]} > 0)))
}

time_of() {
    local days=$(($1 / 1440))
    [ "$days" -eq 0 ] || printf '%d-' "$days"
    printf '%02d:%02d:00' $(($1 % 1440 / 60)) $(($1 % 60))
}

# Cores of the smallest node, hardware threads not counted.
find_cores_per_node() {
    local cores
    cores=$(sinfo --noheader --format='%X %Y' 2>/dev/null | awk '{ print $1 * $2 }' | sort -n | head -n 1) || true
    [[ $cores =~ ^[1-9][0-9]*$ ]] && echo "$cores" || echo 64
}

read_arguments() {
    shards=1 ranks='' limit=04:00:00 cores='' submit=false settings=() sweep='' results=''
    while [ $# -gt 0 ]; do
        case $1 in
            --ranks | --shards | --time | --cores-per-node | --set)
                [ $# -ge 2 ] || refuse "$1 takes a value"
                case $1 in
                    --ranks) ranks=$2 && require_count "$@" ;;
                    --shards) shards=$2 && require_count "$@" ;;
                    --cores-per-node) cores=$2 && require_count "$@" ;;
                    --time) limit=$2 ;;
                    --set) settings+=(--set "$2") ;;
                esac
                shift
                ;;
            --submit) submit=true ;;
            --dry-run) submit=false ;;
            -*) usage ;;
            *) if [ -z "$sweep" ]; then sweep=$1; elif [ -z "$results" ]; then results=$1; else usage; fi ;;
        esac
        shift
    done
    [ -n "$results" ] || usage
}

# Fills seconds, efficiency, largest_team, memory and minutes, by number of ranks, from what plan prints.
read_plan() {
    local line number
    declare -gA seconds efficiency largest_team memory minutes
    while IFS= read -r line; do
        if [[ $line =~ ^slurm:\ --ntasks=([0-9]+)\ .*--mem-per-cpu=([0-9]+)M\ --time=([0-9:-]+)$ ]]; then
            memory[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
            minutes[${BASH_REMATCH[1]}]=$(minutes_of "${BASH_REMATCH[3]}")
        elif [[ $line =~ ^\ *([0-9]+)\ +([0-9.e+-]+)\ +([0-9]+)[.0-9]*%$ ]]; then
            seconds[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
            efficiency[${BASH_REMATCH[1]}]=${BASH_REMATCH[3]}
        elif [[ $line =~ ^\ *([0-9]+)\ .*B\ +[0-9]+\ of\ ([0-9]+)\ \( ]]; then
            largest_team[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
        fi
    done <<<"$1"
    for number in "${asked[@]}"; do
        [ -n "${minutes[$number]:-}" ] && [ -n "${efficiency[$number]:-}" ] ||
            refuse "gradsweep plan said nothing that can be read about $number ranks:"$'\n'"$1"
    done
}

# Minutes of a job of so many ranks. A shard is a part of the work, but no shorter than its part alone on its own ranks.
job_minutes() {
    local together=${minutes[$(($1 * shards))]} alone=$((minutes[$1] / shards))
    echo $(((together > alone ? together : alone) + MINUTES_OF_SIGNAL))
}

# The fewest ranks that need one turn only; or else the most that are busy, in several turns.
choose_ranks() {
    local number total
    for number in "${candidates[@]}"; do
        total=$((number * shards))
        [ -z "$ranks" ] || [ "${efficiency[$total]}" -ge "$LEAST_EFFICIENCY" ] || break
        ranks=$number
        [ "$(job_minutes "$number")" -gt "$limit_minutes" ] || break
    done
}

# Where the user's jobs get no environment, or a part of it (SBATCH_EXPORT), ours get what they need besides.
find_exported() {
    local name
    exported=()
    case ${SBATCH_EXPORT:-ALL} in
        ALL | ALL,*) return ;;
        NONE | NIL) exported=(GRADSWEEP GRADSWEEP_JOBS) ;;
        *) exported=("$SBATCH_EXPORT" GRADSWEEP GRADSWEEP_JOBS) ;;
    esac
    for name in MAX_RESTARTS MPI_TYPE SHARDS; do
        [ -z "${!name:-}" ] || exported+=("$name")
    done
    exported=("--export=$(IFS=, && echo "${exported[*]}")")
}

# Prints a command as it can be typed; with --submit runs it, too, and sets `job` to the number that sbatch answers.
say() {
    set -- "$1" "${exported[@]}" "${@:2}"
    printf 'GRADSWEEP=%q GRADSWEEP_JOBS=%q' "$gradsweep" "$jobs"
    printf ' %q' "$@"
    printf '\n'
    job=ARRAY_JOB
    if $submit; then
        job=$(GRADSWEEP=$gradsweep GRADSWEEP_JOBS=$jobs "$@")
        job=${job%%;*} # a federation adds its cluster's name
        echo "submitted as job $job"
    fi
}

propose() {
    local turn nodes turns=1 text
    turn=$(job_minutes "$ranks")
    if [ "$turn" -gt "$limit_minutes" ]; then
        turns=$(((turn + limit_minutes - MINUTES_OF_SIGNAL - 1) / (limit_minutes - MINUTES_OF_SIGNAL)))
        turn=$limit_minutes
    fi
    nodes=$(((ranks + cores - 1) / cores))
    text="$nodes node(s), $ranks rank(s) of 1 core, ${memory[$ranks]} MiB a rank, $(time_of "$turn")"
    [ "$shards" -eq 1 ] || text="$shards tasks, each of $text"
    echo "# ${text}; about ${seconds[$((ranks * shards))]} s of computing," \
        "ranks ${efficiency[$((ranks * shards))]}% busy, $turns turn(s)"
    [ "$turns" -le 20 ] || echo "# more turns than MAX_RESTARTS allows by itself (20): export MAX_RESTARTS=$turns"

    local resources=(--nodes="$nodes" --ntasks="$ranks" --cpus-per-task=1 --mem-per-cpu="${memory[$ranks]}M"
        --time="$(time_of "$turn")") script=sweep.sbatch
    if [ "$shards" -gt 1 ]; then
        say sbatch --parsable --array="1-$shards" "${resources[@]}" "$jobs/array.sbatch" "$sweep" "$results" \
            "${settings[@]}"
        say sbatch --parsable --dependency="afterok:$job" "$jobs/merge.sbatch" "$results" "$shards"
    else
        [ "${largest_team[$ranks]:-1}" -eq 1 ] || script=large-w.sbatch
        say sbatch --parsable "${resources[@]}" "$jobs/$script" "$sweep" "$results" "${settings[@]}"
    fi
}

read_arguments "$@"
limit_minutes=$(minutes_of "$limit")
[ "$limit_minutes" -gt $((2 * MINUTES_OF_SIGNAL)) ] ||
    refuse "--time must be longer than $((2 * MINUTES_OF_SIGNAL)) minutes"
gradsweep=$(find_gradsweep)
gradsweep=$(realpath "$gradsweep")
cores=${cores:-$(find_cores_per_node)}

candidates=()
if [ -n "$ranks" ]; then
    candidates=("$ranks")
else
    for ((number = 1; number * shards <= MOST_RANKS || number == 1; number *= 2)); do
        candidates+=("$number")
    done
fi
asked=("${candidates[@]}")
if [ "$shards" -gt 1 ]; then
    for number in "${candidates[@]}"; do
        asked+=($((number * shards)))
    done
fi
list=$(printf '%s\n' "${asked[@]}" | sort -nu | paste -sd,)
plan=$("$gradsweep" plan "$sweep" --ranks "$list" --cores-per-node "$cores" "${settings[@]}")
read_plan "$plan"
find_exported
[ -n "$ranks" ] || choose_ranks
awk '/^(sweep|cells|operations|results file) / { print "# " $0 }' <<<"$plan"
propose

#!/usr/bin/env bash
# Closes in on a critical line: runs a sweep, then refines the axis where a mean passes zero, extends the results and runs
# what is new, round by round, until every crossing is known to the width.
#
#   jobs/refine.sh SWEEP.yaml RESULTS.h5 [--rounds N] [OPTION OF gradsweep refine...]
#
# RESULTS.h5 ends as the file of the last round, RESULTS.refined.yaml as its sweep. Rounds default to 6. RUN is what comes
# before gradsweep run (RUN="mpirun -n 8", RUN=srun), GRADSWEEP the command. May be stopped and started again.
set -euo pipefail

if [ $# -lt 2 ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
sweep=$1 results=$2
shift 2
rounds=6
if [ "${1:-}" = --rounds ]; then
    rounds=$2
    shift 2
fi
gradsweep=${GRADSWEEP:-gradsweep}
finer=${results%.h5}.refined.yaml
if [ -e "$results" ]; then # go on with its own sweep, which no crossing is too wide for
    "$gradsweep" refine "$results" -o "$finer" "$@" --width 1e300 >/dev/null
    sweep=$finer
fi

# shellcheck disable=SC2086  # RUN is a command with its options
${RUN:-} "$gradsweep" run "$sweep" -o "$results" --resume
for ((round = 1; round <= rounds; round++)); do
    told=$("$gradsweep" refine "$results" -o "$finer.next" "$@")
    printf '%s\n' "round $round:" "$told"
    case $told in *"values added to "*) ;; *)
        rm -f "$finer.next"
        exit 0
        ;;
    esac
    rm -f "$results.next"
    "$gradsweep" extend "$finer.next" "$results" -o "$results.next"
    mv "$finer.next" "$finer"
    mv "$results.next" "$results"
    # shellcheck disable=SC2086
    ${RUN:-} "$gradsweep" run "$finer" -o "$results" --resume
done

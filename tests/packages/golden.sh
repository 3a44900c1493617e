# golden.sh - sourced by run.sh: the golden runs through SQL, by the file of this machine's platform.

check_runner 'the golden runs' "$python" tests/golden/replay_sql.py "$file" tests/golden/cases

#!/bin/sh
# run.sh PROGRAM...: runs test programs, shows what fails, and adds up their last lines
# ("N passed, N failed"). A program that ends without such a line counts as one failure.

. "$(dirname "$0")/count.sh"
for program; do
    count "$(basename "$program")" "$program"
done
total

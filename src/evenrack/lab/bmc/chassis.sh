#!/bin/sh
# The chassis of one simulated machine. Its BMC runs this for each thing that it wants to know or
# was told to do:  chassis.sh FOLDER get|set|check NAME [VALUE]..
# FOLDER/power   0 or 1
# FOLDER/told    one line for each thing that the BMC was told: seconds since 1970, name, value
# FOLDER/slow    so many tenths of a second pass before an answer, while the file is there
folder=$1 what=$2
shift 2
waited=0
while read -r tenths 2>/dev/null <"$folder/slow" && [ "$waited" -lt "$tenths" ]; do
  sleep 0.1
  waited=$((waited + 1))
done
case $what in
get)
  for name; do
    value=0
    [ "$name" != boot ] || value=default
    [ "$name" != power ] || [ ! -e "$folder/power" ] || value=$(cat "$folder/power")
    echo "$name:$value"
  done ;;
set)
  while [ $# -gt 1 ]; do
    echo "$(date +%s.%N) $1 $2" >>"$folder/told"
    [ "$1" != power ] || echo "$2" >"$folder/power"
    shift 2
  done ;;
*) exit 1 ;;
esac

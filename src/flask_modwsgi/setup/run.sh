#!/bin/sh
# The one command. It runs the package flask-modwsgi in .venv or, if that is missing, in wheels/.

cd -- "$(dirname -- "$0")" || exit 1
for wheel in wheels/flask_modwsgi-*.whl; do :; done
environment=$(cd ./.venv 2>/dev/null && pwd -P) # not through the link, which a setup moves
# Root runs nothing that others can change. doctor/check_trust.py checks what is read and written.
if [ "$(id -u)" = 0 ]; then
  theirs=$(find -H run wheels ${environment:+"$environment"} ! -type l ! -name .lock \( ! -user 0 -o -perm -2 -o -perm -20 ! -group 0 \) 2>/dev/null
    for above in "$(pwd -P)/" "$environment"; do while [ "$above" ] && above=${above%/*}; do # each could be replaced
      find "${above:-/}" -prune \( ! -user 0 -o ! -perm -1000 \( -perm -2 -o -perm -20 ! -group 0 \) \); done; done)
  if [ "$theirs" ]; then
    theirs=$(echo "$theirs" | head -n 1) owner=$(find . -prune -exec ls -ld {} + | awk '{ print $3 }')
    type="chown -Rh root: run wheels .venv/ && chown root: $theirs && chmod -R go-w run wheels .venv/ && chmod go-w $theirs"
    case $(pwd -P) in "$theirs"/*) type="mv $(pwd -P) /srv/ && /srv/$(basename "$(pwd -P)")/run setup" ;; esac
    [ "$owner" = root ] || type="$(command -v sudo >/dev/null && echo sudo || echo runuser) -u $owner -- ./run $*"
    printf 'Problem  project-untrusted\nWhat     Root does not run this project: others can change %s.\nType     %s\n' "$theirs" "$type" >&2
    exit 1
  fi
fi
others="python3 python3.14 python3.13 python3.12 python3.11"

if [ "${1-}" != setup ] && "${environment:-.venv}/bin/python" -I -c 'import flask_modwsgi' 2>/dev/null; then
  exec "$environment/bin/python" -I -m flask_modwsgi "$@"
fi
if [ ! -f "$wheel" ]; then
  echo "There is no wheels/flask_modwsgi-*.whl. Restore it: git checkout wheels" >&2
  echo "If the project was generated without hooks, build it from the template:" >&2
  echo "  mkdir -p wheels" >&2
  echo "  PYTHONPATH=PATH_OF_THE_TEMPLATE python3 -c 'import build_wheel as b; b.build_wheel(\"wheels\")'" >&2
  exit 1
fi
for python in ${PYTHON:+"$PYTHON"} $others .venv/bin/python; do
  if "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    exec "$python" -I "$wheel/flask_modwsgi" "$@"
  fi
done
echo "No Python 3.11 or newer was found (tried: ${PYTHON:+$PYTHON }$others)." >&2
echo "Install one, or name one: PYTHON=/path/to/python3 ./run ${*:-setup}" >&2
exit 1

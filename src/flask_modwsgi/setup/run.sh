#!/bin/sh
# The one command. It runs the package flask-modwsgi in .venv or, if that is missing, in wheels/.

CDPATH='' cd -- "$(dirname -- "$0")" || exit 1
for wheel in wheels/flask_modwsgi-*.whl; do :; done
environment=$(cd ./.venv 2>/dev/null && pwd -P) # not through the link, which a setup moves
# Root runs nothing that others can change. doctor/check_trust.py checks what is read and written.
if [ "$(id -u)" = 0 ]; then
  here=$(pwd -P) home=$(sed -n 's,^home *= */,/,p' "$environment/pyvenv.cfg" 2>/dev/null) seen=
  way() { case $seen in *"<$1>"*) return ;; esac; seen="$seen<$1>"; [ ! "$1" ] || way "${1%/*}" # each step could be replaced
    find "${1:-/}" -prune \( ! -user 0 -o ! -type l ! -perm -1000 \( -perm -2 -o -perm -20 \) \)
    [ ! -L "$1" ] || case $(readlink "$1") in /*) way "$(readlink "$1")" ;; *) way "${1%/*}/$(readlink "$1")" ;; esac; }
  inside() { find -H "$@" ! -type l ! -name .lock \( ! -user 0 -o -perm -2 -o -perm -20 \)
    find -H "$@" -type l ! -path "$environment/var" | while IFS= read -r link; do way "$link" # var/ is for data alone
      end=$(readlink -f "$link"); case "<in $end>$seen" in "<in ${environment:-$here}/"* | ?*"<in $end>"*) ;; *) seen="$seen<in $end>"; [ ! -d "$end" ] || inside "$end" ;; esac; done; }
  theirs=$({ for path in "$here/run" "$here/wheels" "$environment" "$home"; do way "$path"; done
    inside "$here/run" "$here/wheels" ${environment:+"$environment"}; } 2>/dev/null | head -n 1)
  if [ "$theirs" ]; then
    theirs=$(echo "$(cd -P "${theirs%/*}/" && pwd -P)/${theirs##*/}" | tr -s /) owner=$(find . -prune -exec ls -ld {} + | awk '{ print $3 }') ours="run wheels${environment:+ .venv/}"
    type="chown -Rh root: $ours && chown root: $theirs && chmod -R go-w $ours && chmod go-w $theirs"
    case $theirs/ in // | /srv/ | "$here"/* | "${environment:-$here}"/*) ;; *) case "$here/ $environment/" in
      "$theirs"/*) type="mv $here /srv/ && /srv/$(basename "$here")/run setup" ;; *" $theirs"/*) ;; # of a shared var/
      *) type="$([ -z "$(find wheels -type l)" ] || echo 'cp -RL wheels new && rm -r wheels && mv new wheels && ')rm -rf .venv && ./run setup" ;; esac ;; esac
    [ "$owner" = root ] || type="$(command -v sudo >/dev/null && echo sudo || echo runuser) -u $owner -- ./run $*"
    printf 'Problem  project-untrusted\nWhat     Root does not run this project: others can change %s.\nType     %s\n' "$theirs" "$type" >&2
    exit 1
  fi
fi
others="python3 python3.15 python3.14 python3.13 python3.12 python3.11"
[ "${1-}" != setup ] && "${environment:-.venv}/bin/python" -I -c 'import flask_modwsgi' 2>/dev/null && exec "$environment/bin/python" -I -X looked -m flask_modwsgi "$@"
if [ ! -f "$wheel" ]; then
  printf '%s\n' "There is no wheels/flask_modwsgi-*.whl. Restore it: git checkout -- wheels" "If the project was generated without hooks, build it from the template:" \
    "  mkdir -p wheels" "  PYTHONPATH=PATH_OF_THE_TEMPLATE python3 -c 'import build_wheel as b; b.build_wheel(\"wheels\")'" >&2
  exit 1
fi
for python in ${PYTHON:+"$PYTHON"} $others .venv/bin/python; do
  "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && exec "$python" -I -X looked "$wheel/flask_modwsgi" "$@"
done
printf '%s\n' "No Python 3.11 or newer was found (tried: ${PYTHON:+$PYTHON }$others)." "Install one, or name one: PYTHON=/path/to/python3 ./run ${*:-setup}" >&2
exit 1

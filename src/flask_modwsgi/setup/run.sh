#!/bin/sh
# The one command. It runs the package flask-modwsgi in .venv or, if that is missing, in wheels/.

link=$0; while CDPATH='' cd -- "$(dirname -- "$link")" || exit 1; link=${link##*/}; [ -L "$link" ] && ! grep -qs tool.flask-modwsgi pyproject.toml; do cd -P . || exit 1; link=$(readlink "$link"); done
for wheel in wheels/flask_modwsgi-*.whl; do :; done
environment=$(cd ./.venv 2>/dev/null && pwd -P) # not through the link, which a setup moves
refuse() { printf '%s\n' "$@" >&2; exit 1; }
# Only for root, who runs nothing that others can change; skip it to read on. See doctor/check_trust.py, too.
if [ "$(id -u)" = 0 ]; then
  here=$(pwd -P) store=$(cd ./var/env 2>/dev/null && pwd -P) theirs='' seen='' can=' others can change' leads=''
  foreign() { find "$@" \( ! -user 0 -o ! -type l \( -perm -2 -o -perm -20 \) \) 2>/dev/null; }
  way() { case $theirs$seen in /* | *"<$1>"*) return ;; esac; seen="$seen<$1>"; [ ! "$1" ] || way "${1%/*}" # each step could be replaced
    [ "$theirs" ] || [ ! "$(foreign "${1:-/}" -prune \( ! -user 0 -o ! -perm -1000 \))" ] || theirs=${1:-/}
    [ ! -L "$1" ] || case $(readlink "$1") in /*) way "$(readlink "$1")" ;; *) way "${1%/*}/$(readlink "$1")" ;; esac; }
  look() { [ "$theirs" ] || kind=$1; shift; for step; do way "$step"; done; }
  inside() { foreign "$1" ! -name .lock; find "$1" -type l ! -path "$environment/var" | while IFS= read -r link; do # var/ is for data alone
      way "$link"; end=$(cd "$link" 2>/dev/null && pwd -P); [ ! "$theirs" ] || { printf '%s\n' "$theirs"; break; }
      case "<$end>$seen" in '<>'* | "<$environment/"* | *"<in $end>"*) ;; *) seen="$seen<in $end>"; inside "$end" ;; esac; done; }
  quoted() { for word; do case $word in *[!a-zA-Z0-9_@%+=:,./-]* | '') printf " '%s'" "$(printf %s "$word" | LC_ALL=C tr '[:cntrl:]' '?' |
    LC_ALL=C sed "s/$(printf '\302[\200-\237]')/?/g; s/'/'\\\\''/g")" ;; *) printf ' %s' "$word" ;; esac; done; }
  look above "${here%/*}"; look inside "$here" "$here/run" "$here/var/env"; look environment "$environment"
  case ${theirs:+found}$environment/ in / | found*) ;; "$here"/* | "${store:-$here}"/*) theirs=$(inside "$environment" | head -n 1) ;; *) way "$here/.venv"; [ "$theirs" ] || theirs=$here/.venv can='' leads=' leads out of it' ;; esac
  [ "$theirs" ] || way "$(sed -n 's,^home *= */,/,p' "$environment/pyvenv.cfg" 2>/dev/null)"
  look wheels "$here/wheels" "$here"/wheels/*
  if [ "$theirs" ]; then name=$(quoted "$theirs") owner=$(find . -prune -exec ls -ld {} + | awk '{ print $3 }')
    case $kind,$(readlink "$theirs"),$theirs/ in inside,*/../*) type="ls -ld$name" ;; *,,// | *,,/srv/ | inside,,"$here"/*) type="chown -h root:$name && chmod go-w$name" ;;
      inside,*) type="ls -ld$name" ;; above,*) type="mv$(quoted "$here") /srv/ &&$(quoted "/srv/${here##*/}/run") setup" ;; environment,*) type="mv .venv .venv.\$(date +%s) && ./run setup" ;;
      *) type="umask 022 && mv wheels wheels.\$(date +%s) && $([ -x .venv/bin/flask-modwsgi ] && echo .venv/bin/flask-modwsgi init || echo 'git checkout -- wheels && ./run setup')" ;; esac
    case $owner in root) ;; *[!0-9]*) type="$(command -v sudo >/dev/null && echo "sudo -u$(quoted "$owner")" || echo "runuser -u$(quoted "$owner") --") ./run$(quoted "$@")" ;;
      *) type="setpriv --reuid=$owner --regid=$owner --clear-groups -- ./run$(quoted "$@")" ;; esac
    refuse 'Problem  project-untrusted' "What     Root does not run this project:$can$name$leads." "Type     $type"; fi
fi
others="python3 python3.15 python3.14 python3.13 python3.12 python3.11"
[ "${1-}" != setup ] && "${environment:-.venv}/bin/python" -I -c 'import os, sys, flask_modwsgi.setup.recorded_files as r; sys.exit(os.path.isfile(sys.argv[1]) and not r.are_whole())' "$wheel" 2>/dev/null && exec "$environment/bin/python" -I -X looked -m flask_modwsgi "$@"
[ -f "$wheel" ] || refuse "There is no wheels/flask_modwsgi-*.whl. Restore it: git checkout -- wheels" \
  "If the project was generated without hooks, build it from the template:" "  mkdir -p wheels" "  PYTHONPATH=PATH_OF_THE_TEMPLATE python3 -c 'import build_wheel as b; b.build_wheel(\"wheels\")'"
for python in ${PYTHON:+"$PYTHON"} $others .venv/bin/python; do
  "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && exec "$python" -I -X looked "$wheel/flask_modwsgi" "$@"
done
refuse "No Python 3.11 or newer was found (tried: ${PYTHON:+$PYTHON }$others)." "Install one, or name one: PYTHON=/path/to/python3 ./run ${*:-setup}"

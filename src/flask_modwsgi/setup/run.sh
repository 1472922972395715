#!/bin/sh
# The one command: hands over to the package flask-modwsgi, in .venv or, before there is one, in wheels/.

cd -- "$(dirname -- "$0")" || exit 1
for wheel in wheels/flask_modwsgi-*.whl; do :; done
others="python3 python3.14 python3.13 python3.12 python3.11"

if [ "${1-}" != setup ] && .venv/bin/python -I -c 'import flask_modwsgi' 2>/dev/null; then
  exec .venv/bin/python -I -m flask_modwsgi "$@"
fi
for python in ${PYTHON:+"$PYTHON"} $others .venv/bin/python; do
  if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    [ -f "$wheel" ] || { echo "There is no wheels/flask_modwsgi-*.whl. Restore it: git checkout wheels" >&2; exit 1; }
    exec "$python" -I "$wheel/flask_modwsgi" "$@"
  fi
done
echo "No Python 3.11 or newer was found (tried: ${PYTHON:+$PYTHON }$others)." >&2
echo "Install one, or name one: PYTHON=/path/to/python3 ./run ${*:-setup}" >&2
exit 1

#!/bin/sh
# Makes the virtual environment and installs exactly requirements.lock into it. Run again, it does nothing until the lock
# changes. Usage: sh tools/setup.sh <folder>; PYTHON names the interpreter to use.
set -eu

venv=$1
python="$venv/bin/python"
installed="$venv/installed.lock"
new_enough='import sys; raise SystemExit(sys.version_info < (3, 11))'

say() { printf '%s\n' "$*" >&2; }

find_python() {
  for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
    if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$new_enough" 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  say "Earshot needs Python 3.11 or later; found: $(python3 --version 2>&1 || true)."
  say "Install one, or name it: make PYTHON=/path/to/python3.12 ..."
  exit 1
}

if ! "$python" -c "$new_enough" 2>/dev/null; then
  interpreter=$(find_python)
  say "Making $venv with $("$interpreter" --version) ..."
  if ! "$interpreter" -m venv --clear "$venv"; then
    say "This Python cannot make virtual environments. On Debian and Ubuntu install the package python3-venv, then try again."
    exit 1
  fi
fi

if ! cmp -s requirements.lock "$installed"; then
  say "Installing what requirements.lock names into $venv (the first time this takes a few minutes) ..."
  "$python" -m pip install --disable-pip-version-check --no-input --require-hashes -r requirements.lock
  cp requirements.lock "$installed"
  say "Set up."
fi

# The operator's command; it may be called from anywhere.
cat > "$venv/bin/earshot" <<END
#!/bin/sh
PYTHONPATH="$(pwd)" exec "$(cd "$venv" && pwd)/bin/python" -m deploy.earshot "\$@"
END
chmod +x "$venv/bin/earshot"

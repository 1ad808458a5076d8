# Sourced by the other scripts: finds a Python and makes an environment. Changes nothing outside the repository.

# Prints the first Python of at least 3.11 that runs, or stops with one line. PYTHON=... names another.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3 python}; do
    if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
  done
  echo "$0: no Python 3.11 or newer found (tried: ${PYTHON:-python3.11 to python3.14, python3, python})." \
    "Install one, or name it: PYTHON=/path/to/python $0" >&2
  return 1
}

# make_environment FOLDER: an environment there, unless it stands already. Sets pip=(command that installs into it).
make_environment() {
  local folder=$1 python
  if [ -x "$folder/bin/python" ] && "$folder/bin/python" -c '' 2>/dev/null; then
    python=
  else
    python=$(find_python) || return 1
    rm -rf "$folder"
  fi
  if [ -n "$python" ] && "$python" -c 'import ensurepip' 2>/dev/null; then
    "$python" -m venv "$folder" || return 1
  elif [ -n "$python" ]; then
    # Debian splits ensurepip off into python3-venv; the pip outside can serve the environment as well.
    if ! "$python" -m pip --version >/dev/null 2>&1; then
      echo "$0: $python has neither ensurepip nor pip; install one of them (Debian: python3-venv)" >&2
      return 1
    fi
    "$python" -m venv --without-pip "$folder" || return 1
  fi
  pip=("$folder/bin/python" -m pip)
  if ! "${pip[@]}" --version >/dev/null 2>&1; then
    python=$(find_python) || return 1
    pip=("$python" -m pip --python "$folder/bin/python")
  fi
  pip+=(--disable-pip-version-check)
}

# install_once FOLDER WHAT...: pip install WHAT into the environment, again when pyproject.toml or WHAT is another.
install_once() {
  local folder=$1 stamp wanted
  shift
  stamp=$folder/tinct-installed
  wanted=$(cat pyproject.toml && echo "$@")
  if [ "$wanted" != "$(cat "$stamp" 2>/dev/null)" ]; then
    echo "== install into $folder"
    "${pip[@]}" install --quiet "$@"
    echo "$wanted" >"$stamp"
  fi
}

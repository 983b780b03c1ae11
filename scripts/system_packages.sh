#!/bin/sh
# sh scripts/system_packages.sh bench|test [COMMAND ...]
# What measuring, or the tests, need of the system besides Python: as root on Debian or Ubuntu it
# is installed, else named. A thing counts as there if it works, whatever package it is from.
# COMMAND runs beside an installation, as far as it gets: whoever needs it runs it again.
set -eu
purpose=$1
shift
python=${PYTHON:-python3}
"$python" -c '' 2>/dev/null || exit 0 # scripts/environment.sh says what is wrong with it

loads() {
    "$python" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$1" 2>/dev/null
}

has_browser() { # those that tests/browser.py looks for
    for name in chromium chromium-browser google-chrome; do
        ! has $name || return 0
    done
    downloads=${PLAYWRIGHT_BROWSERS_PATH:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/ms-playwright}
    ls -d "$downloads"/chromium* >/dev/null 2>&1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

has_postgres() { # Debian keeps it out of the PATH
    has postgres || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1
}

has_sshd() { # out of the PATH of a user
    [ -x /usr/sbin/sshd ] || has sshd
}

has_font() {
    find /usr/share/fonts /usr/local/share/fonts "${HOME:-}/.fonts" "${HOME:-}/.local/share/fonts" \
        -name "$1" 2>/dev/null | grep -q .
}

has_software_vulkan() {
    "$python" - 2>/dev/null <<'END'
import ctypes, glob, json
def works(manifest):
    try:
        return ctypes.CDLL(json.load(open(manifest))["ICD"]["library_path"])
    except OSError: # a driver for programs of another architecture
        return None
raise SystemExit(not any(map(works, glob.glob("/usr/share/vulkan/icd.d/lvp_icd*.json"))))
END
}

need() { # need PACKAGE CHECK ...
    package=$1
    shift
    "$@" || missing="$missing $package"
}

look() {
    missing=
    if [ "$(uname -s)" = Linux ]; then
        need libgomp1 loads libgomp.so.1 # every engine build is linked to it
    fi
    if [ "$purpose" = test ]; then
        need chromium has_browser
        need libatomic1 loads libatomic.so.1 # the browser driver's node is linked to it
        need mesa-vulkan-drivers has_software_vulkan
        need redis-server has redis-server # tests/farm starts both
        need postgresql has_postgres
        # tests/defs/remote start one of their own. Where services run, the package would open a
        # port to everybody: those tests are left out there until somebody installs it himself
        [ -d /run/systemd/system ] || need openssh-server has_sshd
        need fontconfig has fc-list # tells the tests which fonts there are
        need fonts-liberation has_font LiberationSans-Regular.ttf
        need fonts-dejavu-core has_font DejaVuSans.ttf
    fi
}

quicker() { # what the tests do with less work, if it can be had, and without as well
    if [ "$purpose" = test ] && ! has chromium-headless-shell &&
        apt-cache show chromium-headless-shell >/dev/null 2>&1; then
        echo chromium-headless-shell
    fi
}

install() {
    # RUNLEVEL=1: no service is to start with it: the tests start their own
    # shellcheck disable=SC2068 # lists of names
    RUNLEVEL=1 apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $@ >/dev/null
}

look
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    if [ -n "$missing" ]; then
        [ $# = 0 ] || "$@" 2>/dev/null &
        # in the background it hears no Ctrl-C, and two at once would be in each other's way
        trap 'kill $! 2>/dev/null || true; wait; exit 130' INT TERM
        apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null || true
    fi
    wanted="$missing${missing:+ }$(quicker)"
    if [ -n "$wanted" ]; then
        echo "Installing system packages: ${wanted# } ..."
        install "$wanted" || install "$missing" || true # what is still missing is named below
        look
    fi
    wait
fi
if [ -n "$missing" ]; then
    echo "error: \`make $purpose\` needs these system packages:$missing" >&2
    echo "  mend: install them (Debian, Ubuntu: sudo apt-get install$missing)" >&2
    exit 1
fi

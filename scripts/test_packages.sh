#!/bin/sh
# What the tests need of the system: a browser, and a Vulkan device that is only software.
set -eu

missing=
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
ls /usr/share/vulkan/icd.d/lvp_icd*.json >/dev/null 2>&1 || missing="$missing mesa-vulkan-drivers"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing for the tests:$missing ..."
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of names
    apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null &&
        apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing \
            >/dev/null
else
    echo "error: the tests need these system packages:$missing" >&2
    echo "  mend: install them (Debian, Ubuntu: sudo apt-get install$missing)" >&2
    exit 1
fi

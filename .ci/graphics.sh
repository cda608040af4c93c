#!/bin/sh
# Installs what pictures need on a machine without a GPU: EGL for MuJoCo, lavapipe for ManiSkill.
# State observations need none of it. Xvfb is a screen for the tests of `mmbench play`, Chromium shows
# the pages of the leaderboard to its tests.
# Only Debian is known here, and only root can install.
set -eu

has_egl() { ldconfig -p | grep -q 'libEGL\.so' && ldconfig -p | grep -q 'libEGL_mesa\.so'; }
has_vulkan() { ldconfig -p | grep -q 'libvulkan\.so' && ls /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json >/dev/null 2>&1; }

if has_egl && has_vulkan && command -v Xvfb >/dev/null && command -v chromedriver >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || [ ! -r /etc/os-release ]; then
    echo "pictures: install libegl1, libgl1-mesa-dri and mesa-vulkan-drivers (24.3 or newer); for tests xvfb, chromium, chromium-driver" >&2
    exit 0
fi

. /etc/os-release
apt-get -qq update
apt-get -qq install -y libegl1 libgl1 libgl1-mesa-dri xvfb chromium chromium-driver >/dev/null

# ManiSkill needs lavapipe of Mesa 24.3 or newer, which Debian 12 has in its backports.
pocket=""
if [ "${VERSION_CODENAME:-}" = bookworm ]; then
    list=/etc/apt/sources.list.d/mmbench-backports.list
    if ! grep -qrs bookworm-backports /etc/apt/sources.list /etc/apt/sources.list.d; then
        mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
        echo "deb $mirror bookworm-backports main" >"$list"
        apt-get -qq update
    fi
    pocket="-t bookworm-backports"
fi
# shellcheck disable=SC2086  # no pocket is no argument
apt-get -qq install -y $pocket libvulkan1 mesa-vulkan-drivers >/dev/null

#!/bin/sh
# Makes this machine ready for the browser tests: node, npm, Chromium, and the two packages of package-lock.json.
# Installs by apt where that is possible (Debian or Ubuntu, as root); elsewhere it says what is missing and fails.
set -eu
cd "$(dirname "$0")"

missing=""
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
found=""
for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome chrome; do
    [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 && found=yes
done
[ -n "$found" ] || missing="$missing chromium"
for name in pdffonts pdftotext; do
    command -v "$name" >/dev/null 2>&1 || { missing="$missing poppler-utils"; break; }
done

if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing:$missing" >&2
        apt-get update -qq
        # shellcheck disable=SC2086  # one word per package
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing fonts-liberation >/dev/null
    else
        echo "The browser tests need:$missing" >&2
        echo "Install them (on Debian or Ubuntu: sudo apt-get install$missing) and run this again; a Chromium elsewhere is named in CHROMIUM." >&2
        exit 1
    fi
fi
npm ci --no-audit --no-fund --silent

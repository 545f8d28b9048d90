#!/usr/bin/env bash
# Opens the real window on a screen without a monitor and looks at it: there is a window with the
# program's name, and the picture is not blank.
#   [WELDBENCH_SCREEN=2560x1440] tests/window.sh PROGRAM [PICTURE.png]
set -euo pipefail
program=$(realpath "${1:?path of the program}")

if [ -z "${WELDBENCH_INSIDE_XVFB:-}" ]; then
    exec env -u WAYLAND_DISPLAY WELDBENCH_INSIDE_XVFB=1 xvfb-run -a -s "-screen 0 ${WELDBENCH_SCREEN:-1440x900}x24" "$0" "$@"
fi

home=$(mktemp -d)
picture=${2:-$home/window.png}
# A newcomer's start: settings and workspace in an empty home.
env HOME="$home" XDG_CONFIG_HOME="$home/config" XDG_DATA_HOME="$home/data" XDG_CACHE_HOME="$home/cache" \
    "$program" >"$home/log" 2>&1 &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; rm -rf "$home"' EXIT

fail() {
    echo "window: $1" >&2
    cat "$home/log" >&2
    exit 1
}

# Software Vulkan compiles its shaders first, so a first picture may take a while.
window="" colours=0
for _ in $(seq 120); do
    kill -0 "$pid" 2>/dev/null || fail "the program ended"
    window=$(xdotool search --onlyvisible --name '^Weldbench' 2>/dev/null | head -n 1 || true)
    if [ -n "$window" ]; then
        import -window root "$picture"
        colours=$(identify -format '%k' "$picture")
        [ "$colours" -gt 300 ] && break
    fi
    sleep 1
done
[ -n "$window" ] || fail "no window called Weldbench"
[ "$colours" -gt 300 ] || fail "the picture has only $colours colours"
echo "window: open, $colours colours"

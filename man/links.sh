#!/bin/sh
# The names that pages of section 3 document besides their own, one `PAGE.3 NAME.3` in a line: each is installed as a link.
set -eu
for page in "$(dirname "$0")"/*.3; do
    awk -v page="$(basename "$page")" '/^\.Sh/ { on = $2 == "NAME" }
        on && $1 == ".Nm" && $2 ".3" != page { print page, $2 ".3" }' "$page"
done

#!/bin/sh
# Counts words. The inputs are a JSON object in the file $ACCIO_INPUTS, such as {"text":"/path"}; the outputs go to the
# file $ACCIO_OUTPUTS in the same form. There is one input, so that sed is enough to read it.
set -eu
path=$(sed 's/^{"text":"\(.*\)"}$/\1/; s/\\"/"/g; s/\\\\/\\/g' "$ACCIO_INPUTS")
set -- $(find "$path" -type f -exec cat {} + | wc)
printf '{"lines": %s, "words": %s, "bytes": %s}\n' "$1" "$2" "$3" >"$ACCIO_OUTPUTS"

# Fails once it has saved a checkpoint; the attempt after it says where it began.
state="$ACCIO_CHECKPOINT/state"
if [ -e "$state" ]; then
    echo "{\"from\": $(cat "$state")}" > "$ACCIO_OUTPUTS"
    exit 0
fi
echo 7 > "$state"
touch "$ACCIO_CHECKPOINT.save"
while [ -e "$ACCIO_CHECKPOINT.save" ]; do sleep 0.05; done
echo 8 > "$state"
exit 1

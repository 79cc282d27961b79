code=$(sed 's/.*"code":\(-\{0,1\}[0-9]*\).*/\1/' "$ACCIO_INPUTS")
echo "$ACCIO_RUN/$ACCIO_NODE $ACCIO_ATTEMPT_NO $$ Quit -" >> "$ACCIO_TEST_LEDGER"
exit "$code"

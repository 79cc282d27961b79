"""The wire: messages of the contract (`accio.v1`) and the values that they carry, both directions beside each other.

One module per subject, for daemon, agent and client alike. A value that only one process has is converted at that
process's edge, in `accio_daemon/services/messages`, `accio_agent/agent/link/messages.py` and
`accio_client/from_wire.py`; these
convert what is shared by calling this package. `errors` alone needs grpc: nothing here imports it for the others,
since an agent's workers read messages and must not load grpc.
"""

"""From messages to views: what of the client reads protobuf fields (apart from the export's columns), by subject.

Views are the client's own values: what the daemon writes such a message from is rows and facts, which only it has. So
this direction stands here, and the other one in `accio_daemon/services/messages`; what both have is in `accio.wire`.
"""

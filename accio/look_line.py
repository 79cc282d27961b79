"""What is said at the socket of a daemon at which it asks agents of its machine and user whether code has changed.

Messages keep their bounds there (SOCK_SEQPACKET). The agent's first one is the key that the Welcome of its session
told. From then on each message of the daemon is a number, and the agent's answer that number with how often it has told
something of its code in this session (`Stale`): since then nothing is new, as it found at that moment. Where it can't
say so at once, its answer is UNSURE: the daemon asks within the session, where the answer comes after what was told.
"""

import struct

KEY_BYTES = 16
QUESTION = struct.Struct("<Q")
ANSWER = struct.Struct("<Qq")
UNSURE = -1
MOST_BYTES = 64
"""More than any message has."""

"""The agents' side: one call is one session; who is connected, and what they may say."""

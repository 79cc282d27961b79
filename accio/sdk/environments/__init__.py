"""What programs run in besides the machine as it is: container images, and Python environments of their own.

Each is made or fetched once for each user of a host, in that user's cache folder, and shared by all of their agents.
"""

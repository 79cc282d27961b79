"""The rpcs of users, one module per subject: messages in, commands and queries out."""

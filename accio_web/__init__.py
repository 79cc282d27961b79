"""The web interface: a process of its own, a client of the daemon like any other (docs/web.md).

`guard` decides which requests may come in, `sessions` as whom, `routes` what they mean, `live` what is told as it
changes, `columns` which results are kept in memory, `pictures` what is drawn of them. The browser's side is in
`static`: plain ES modules, used as they are written.
"""

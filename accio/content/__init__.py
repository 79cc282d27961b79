"""Content by digest: what a dataset is, the store that keeps it, and what can be freed. No asyncio, no grpc, no clock.

    digest      BLAKE3 of bytes and open files            errors      what can go wrong
    manifest    the canonical form of a dataset           tree        snapshots of paths, to notice changes
    reading     the digest of a path                      signatures  digests remembered by signature
    blobs       the port of a store                       store       … in a folder (its files: folder)
    datasets    datasets into and out of a store          target      writing a dataset to a place, piece by piece
    gc          what to free, and why                     sharing     whether two processes see one folder

Everything here blocks; an asyncio program calls it in threads. docs/artifacts.md explains the decisions.
"""

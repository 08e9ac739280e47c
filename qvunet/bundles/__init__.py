"""A drawing on hardware as one file that others can check.

`archive` is the file, members and their digests; `contents` what the members are; `writing` makes one after a
drawing, `verifying` checks one and draws its picture again from the stored answers.
"""

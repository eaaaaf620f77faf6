"""The choices that the command line offers, apart from the code that needs numpy to carry them out."""

OOV_POLICIES = ("unk", "skip", "error")
BLENDS = ("auto", "fixed", "count")  # or the network's weight, a number

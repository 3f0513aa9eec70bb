"""Pictures: read and checked one by one, found in folders, fetched or drawn, and divided.

In come the name of a data set or a folder of photographs; out go `ImageSplits`: training,
validation and test pictures with their classes.
"""

"""Networks of other programs as network files of gradsweep."""

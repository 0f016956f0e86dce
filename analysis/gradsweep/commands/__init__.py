"""The commands of the analysis: gradsweep report, plot, export, watch and torch. Arguments in, exit code out."""

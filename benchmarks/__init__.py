"""What taskvisor costs, side by side with its peers, on the same work.

One file per question. Each runs alone, `python -m benchmarks.lifecycle --help`, and all of them by
`python -m benchmarks`; `make bench` builds the peers first. A file opens with its question, what
dominates, and how to read the figures.
"""

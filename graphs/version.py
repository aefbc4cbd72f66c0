"""What tells one version of a graph from another."""

import hashlib
import json

from checkpoints.threads import AnyGraph


def graph_version(graph: AnyGraph) -> str:
    """Return a digest of a graph's nodes, edges and channels: a thread begun by another version is not continued."""
    shape = {
        "nodes": sorted(graph.nodes),
        "edges": sorted(map(list, graph.edges)),
        "branches": sorted((node, sorted(branches)) for node, branches in graph.branches.items()),
        "channels": sorted(graph.channels),
    }
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:12]

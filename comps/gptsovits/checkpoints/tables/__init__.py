"""The official names of each network's tensors beside ours."""

"""What makes the cluster live: workloads get pods, pods get running, owners and namespaces take theirs along.

Controllers are plain functions over the state; `manager` calls them for the objects that changed and when time is due.
"""

"""`fairlead demo`: the whole of Fairlead on this machine, shown in a guided tour."""

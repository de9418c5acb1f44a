"""Processes of our own: started, recognised by a run file, watched and stopped; no process of anyone else's."""

"""The laptop stack: real engines behind AWS's own protocols, on 127.0.0.1 only."""

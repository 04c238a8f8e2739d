"""What the DAG files declare, done: contract, settings, operators and the pipeline builder."""

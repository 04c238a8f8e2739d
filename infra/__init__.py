"""What Starlift runs on: the laptop stack (`infra.local`) and the AWS deployment (`infra.aws`)."""

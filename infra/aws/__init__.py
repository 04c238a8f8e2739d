"""Provisioning on AWS: CloudFormation stacks and the command that deploys and removes them."""
